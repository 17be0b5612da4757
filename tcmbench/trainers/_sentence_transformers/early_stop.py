"""Early stopping by the margin on general pairs: the training ends before it falls too far below the base's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from tcmbench.errors import TrainingError
from tcmbench.store import write_text
from tcmbench.trainers._runtime.margin import mean_margin

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback

    from tcmbench.trainers._runtime.general import PromptedTexts
    from tcmbench.trainers._runtime.job_file import Work

_STATE, _WEIGHTS = "general_margin.json", "within.safetensors"


class MarginCheck(NamedTuple):
    """The margin on general pairs at one step."""

    step: int
    margin: float


class Stop(BaseModel):
    """How early stopping ended, or how far it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: float
    """Margin of the base."""

    margins: tuple[MarginCheck, ...] = ()
    """Of all checks so far; the last is below the bound where the training was stopped."""

    stopped_after: int | None = None
    """Step whose weights are the result; None where the training was not stopped."""


def margin_of(vectors: NDArray[np.float32], general: PromptedTexts) -> float:
    """Return the margin on the pairs: mean cosine similarity to the own text minus that to the closest other one.

    Args:
        vectors: Of the pairs' texts, in the order of `general.pairs` [2 × pairs, dimensions].
        general: The texts.
    """
    count = len(general.pairs)
    margin = mean_margin(vectors[0::2], vectors[1::2].reshape(count, 1, -1))
    return -2.0 if margin is None else margin


def early_stop(
    model: SentenceTransformer, work: Work, general: PromptedTexts, vectors: NDArray[np.float32], *, run: Path
) -> TrainerCallback:
    """Return a callback that measures the margin and stops the training.

    The weights of the last check within the bound are in `run`, and so is the state: a resumed training repeats the
    checks after its checkpoint with the same results.

    Args:
        model: The model in training.
        work: The training.
        general: Its general texts.
        vectors: The base's vectors of all of them.
        run: Folder of the checkpoints.
    """
    from safetensors.torch import save_model
    from transformers import TrainerCallback

    keep = work.variant.training.keep
    own = [position for pair in general.pairs for position in pair]
    base = margin_of(vectors[own], general)
    bound = base - (keep.margin_loss or 0.0)
    every = max(1, -(-work.steps // keep.checks))

    class EarlyStop(TrainerCallback):
        """Measures the margin at every check."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:
            """Keep the weights where the margin is within the bound, else stop."""
            del args
            step = state.global_step
            if step % every and step != work.steps:
                return
            before = [measured for measured in stop_of(run, base=base).margins if measured.step < step]
            margin = _measure(model, general, own, size=work.variant.training.batch_size)
            margins = (*before, MarginCheck(step, margin))
            if margin >= bound:
                part = run / f"{_WEIGHTS}.part"
                save_model(model, str(part))
                part.replace(run / _WEIGHTS)
                _write(run, Stop(base=base, margins=margins))
                return
            if not before:
                raise TrainingError(
                    f"step {step}: the margin on general pairs is {margin:.4f} at the first check, below the bound of "
                    f"{bound:.4f} (base {base:.4f}, keep.margin_loss {keep.margin_loss}), so no weights are within it. "
                    "Lower training.learning_rate, raise keep.margin_loss or keep.checks."
                )
            _write(run, Stop(base=base, margins=margins, stopped_after=before[-1].step))
            control.should_training_stop = True

    return EarlyStop()


def stop_of(run: Path, *, base: float = 0.0) -> Stop:
    """Return the state of early stopping in a folder of checkpoints; without any, one without checks."""
    path = run / _STATE
    return Stop.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else Stop(base=base)


def last_step(run: Path, *, steps: int) -> int:
    """Return the step at which a training ends: that of the check which stopped it, else the last of all steps."""
    stop = stop_of(run)
    return steps if stop.stopped_after is None else stop.margins[-1].step


def restore(model: SentenceTransformer, run: Path) -> None:
    """Load the weights of the last check within the bound, where the training was stopped."""
    from safetensors.torch import load_model

    if stop_of(run).stopped_after is not None:
        load_model(model, str(run / _WEIGHTS))


def _measure(model: SentenceTransformer, general: PromptedTexts, own: list[int], *, size: int) -> float:
    import numpy as np

    texts = [general.texts[position] for position in own]
    vectors = np.asarray(model.encode(texts, prompt="", batch_size=size), dtype=np.float32)
    return margin_of(vectors, general)


def _write(run: Path, stop: Stop) -> None:
    write_text(run / _STATE, stop.model_dump_json(indent=2) + "\n")
