"""General texts of a training, with the base's vectors of them: what distillation and early stopping compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench import strict_json
from tcmbench.errors import TrainingError
from tcmbench.specs.keep import PROBE_TEXTS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base
    from tcmbench.specs.keep import Keep


_VECTORS = "vectors"
"""Name of the tensor in the file of vectors."""


class PromptedTexts(NamedTuple):
    """The texts of a file, with the prompts of evaluation."""

    texts: tuple[str, ...]

    pairs: tuple[tuple[int, int], ...]
    """Positions of the two texts of each pair that early stopping is measured on; empty without early stopping."""

    distilled: tuple[int, ...]
    """Positions of the texts that are distilled on."""


def read(path: Path, base: Base, keep: Keep) -> PromptedTexts:
    """Return the texts of a file that `tuning.general_texts` wrote.

    The first rows are those of early stopping, where the recipe has it.

    Raises:
        TrainingError: There are too few for the recipe, or no pairs for early stopping.
    """
    texts: list[str] = []
    pairs: list[tuple[int, int]] = []
    distilled: list[int] = []
    probes = PROBE_TEXTS if keep.margin_loss is not None else 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines):
            row: dict[str, str] = strict_json.loads(line.decode())
            start = len(texts)
            if row["query"]:
                texts.append(base.query_prompt + row["query"])
            texts.append(base.document_prompt + row["positive"])
            positions = range(start, len(texts))
            if number < probes:
                _refuse_single(positions, path)
                pairs.append((positions[0], positions[1]))
            else:
                distilled.extend(positions)
    _refuse_few(keep, path, pairs=len(pairs), distilled=len(distilled))
    return PromptedTexts(tuple(texts), tuple(pairs), tuple(distilled))


def _refuse_single(positions: range, path: Path) -> None:
    if len(positions) != 2:
        raise TrainingError(
            f"{path}: keep.margin_loss is measured on pairs, and this file has single texts. Name a file with the "
            "columns query and positive in keep.texts, or remove margin_loss."
        )


def _refuse_few(keep: Keep, path: Path, *, pairs: int, distilled: int) -> None:
    if keep.margin_loss is not None and pairs < 2:
        raise TrainingError(f"{path}: expected at least 2 pairs for keep.margin_loss, got {pairs}.")
    if keep.distillation and distilled < keep.texts_per_step:
        raise TrainingError(
            f"{path}: expected at least keep.texts_per_step = {keep.texts_per_step} texts to distil on, got {distilled}"
            ". Name a larger file in keep.texts, or lower texts_per_step."
        )


def read_vectors(path: Path, *, count: int) -> NDArray[np.float32]:
    """Return the base's vectors [texts, dimensions] that `base_vectors` returned.

    Raises:
        TrainingError: They are of another number of texts.
    """
    from safetensors.numpy import load_file

    vectors: NDArray[np.float32] = load_file(path)[_VECTORS]
    if vectors.ndim != 2 or len(vectors) != count:
        raise TrainingError(f"{path}: expected {count} vectors, got {vectors.shape}. Delete its folder and run again.")
    return vectors


def write_vectors(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write vectors for `read_vectors`."""
    from safetensors.numpy import save_file

    save_file({_VECTORS: vectors}, path)


def base_vectors(
    base_dir: Path, base: Base, texts: tuple[str, ...], *, max_length: int, device: str | None = None
) -> NDArray[np.float32]:
    """Return the base's vectors of the texts [texts, dimensions], of length 1, in float32.

    Args:
        base_dir: Folder of the base's weights.
        base: The base.
        texts: Texts with their prompts.
        max_length: Longest text in tokens, that of the training; a static base reads whole texts.
        device: cpu or cuda; None: cuda where there is a GPU.

    Raises:
        TrainingError: A vector without a direction.
    """
    import numpy as np

    from tcmbench.encoders.runtime.opening import open_model

    model = open_model(base_dir, base.in_full_precision(), device=device)
    if base.architecture != "static":
        model.max_seq_length = max_length
    vectors = np.asarray(model.encode(list(texts), prompt="", batch_size=32), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    broken = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] == 0))
    if broken.size:
        raise TrainingError(
            f"base {base.name}: {broken.size} of {len(texts)} general texts have a vector without a direction, so "
            "nothing can be kept of it. Remove texts without any token of its vocabulary from keep.texts."
        )
    unit: NDArray[np.float32] = vectors / lengths
    return unit
