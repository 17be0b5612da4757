"""Checkpoints that are kept for evaluation: their weights during the training, whole models after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback

FOLDER = "kept"
"""Folder of the weights, beside the checkpoints that a training resumes from."""


def keeper(model: SentenceTransformer, folder: Path, *, steps: Collection[int]) -> TrainerCallback:
    """Return a callback that writes the weights after some steps, adapters included.

    A resumed training writes those after its checkpoint again, with the same bytes.
    """
    from safetensors.torch import save_model
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):
        """Writes the weights."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:
            """Write them after the steps that are kept."""
            del args, control
            if state.global_step in steps:
                folder.mkdir(parents=True, exist_ok=True)
                part = folder / f"step-{state.global_step}.part"
                save_model(model, str(part))
                part.replace(_weights(folder, state.global_step))

    return Keeper()


def write_models(
    folder: Path, target: Path, *, steps: Collection[int], fresh: Callable[[], Any], save: Callable[[Any, Path], None]
) -> tuple[int, ...]:
    """Write a model for each step whose weights are kept, as `step-N`, and return these steps.

    Args:
        folder: Folder of the weights.
        target: Folder for the models.
        steps: Steps to look for; those after an early stop have none.
        fresh: Returns the model as it was before the training, with its adapters.
        save: Writes a model, merged, into a folder.
    """
    from safetensors.torch import load_model

    written = []
    for step in sorted(steps):
        if not _weights(folder, step).is_file():
            continue
        model = fresh()
        load_model(model, str(_weights(folder, step)))
        save(model, target / f"step-{step}")
        written.append(step)
    return tuple(written)


def _weights(folder: Path, step: int) -> Path:
    return folder / f"step-{step}.safetensors"
