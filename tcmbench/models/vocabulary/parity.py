"""Agreement of a model with its original on Chinese text: the same pieces, and the same results to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import ParityError
from tcmbench.models.vocabulary import files, samples

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.records.model import Model
    from tcmbench.specs.base import Base


def require_same(origin: Model, target: Path) -> None:
    """Check that a folder with a part of the vocabulary gives the same pieces and results as its original.

    Raises:
        ParityError: It doesn't.
    """
    folder = files.require_folder(origin)
    before, after = (files.backend(place) for place in (folder, target))
    for row, other in zip(samples.ids(origin.base, folder), samples.ids(origin.base, target), strict=True):
        pieces, others = [before.id_to_token(place) for place in row], [after.id_to_token(place) for place in other]
        if pieces != others:
            raise ParityError(
                f"base {origin.name}: with a part of its vocabulary, a text is split into {others[:8]}, "
                f"not {pieces[:8]}."
            )
    results = [_results(origin.base, place) for place in (folder, target)]
    if any((one != other).any() for one, other in zip(*results, strict=True)):
        raise ParityError(
            f"base {origin.name}: with a part of its vocabulary it gives other results on the same pieces: it has "
            "weights per piece that are not in a table of as many rows as its vocabulary."
        )


def _results(base: Base, folder: Path) -> list[NDArray[np.float32]]:
    """Return the vector of each text, or the score of each pair, one at a time so that no padding takes part."""
    import numpy as np

    if base.kind == "reranker":
        from tcmbench.encoders import cross_encoder, model_meta

        meta = model_meta(base, name=base.name, revision="")
        reranker = cross_encoder.load(
            base, options=cross_encoder.Options(), model_dir=folder, meta=meta, seed=0, device="cpu"
        )
        prompt = base.instruction or None
        return [np.asarray(reranker.model.predict([pair], prompt=prompt)) for pair in samples.pairs()]
    from tcmbench.encoders.runtime.opening import open_model

    model = open_model(folder, base, device="cpu")
    return [np.asarray(model.encode([text], prompt="", show_progress_bar=False)) for text in samples.texts(base)]
