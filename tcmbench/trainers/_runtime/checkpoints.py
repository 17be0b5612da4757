"""Checkpoints of a training: which is the newest that is whole, by the manifest written with it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tcmbench import manifests, strict_json
from tcmbench.errors import DamagedArtefact
from tcmbench.store import write_json

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_KIND, _STATE = "checkpoint", "trainer_state.json"


def record(folder: Path) -> None:
    """Write the manifest of a checkpoint, as its last file: without it the checkpoint doesn't count."""
    write_json(folder / manifests.NAME, manifests.describe(folder, kind=_KIND, key=folder.name))


def newest(run: Path) -> Path | None:
    """Return the newest complete checkpoint, or None.

    One that is incomplete after a kill or a full disk is skipped; the training resumes from the previous one and writes
    it again.
    """
    numbered = {
        int(number): folder
        for folder in run.glob("checkpoint-*")
        if (number := folder.name.rpartition("-")[2]).isdigit()
    }
    return next((folder for _, folder in sorted(numbered.items(), reverse=True) if _problem(folder) is None), None)


def is_last(checkpoint: Path, *, steps: int) -> bool:
    """Return whether a checkpoint is that of the last step.

    A trainer started from it would run no epoch, or one step too many where max_steps ends the epoch.
    """
    return checkpoint.name == f"checkpoint-{steps}"


def log_history(checkpoint: Path) -> list[dict[str, Any]]:
    """Return all that was logged up to a checkpoint, its own step included."""
    state = strict_json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    history: list[dict[str, Any]] = state["log_history"]
    return history


def damaged(work_dir: Path) -> dict[Path, DamagedArtefact]:
    """Return the checkpoints of a training that are not as they were written, each with what is wrong.

    One without a manifest is still being written, or was cut short, which is known.
    """
    return {
        folder: problem
        for folder in sorted(work_dir.glob("**/checkpoint-*/"))
        if (folder / manifests.NAME).is_file() and (problem := _problem(folder)) is not None
    }


def _problem(folder: Path) -> DamagedArtefact | None:
    try:
        # trainers may add files after the manifest; they are none that a training goes on from
        files = manifests.read(folder, kind=_KIND, key=folder.name)
        manifests.verify(folder, kind=_KIND, key=folder.name, names={_STATE, *files})
    except DamagedArtefact as error:
        if (folder / manifests.NAME).is_file():
            logger.error("%s: %s. The training goes on from an earlier checkpoint.", error.path, error.what)
        return error
    return None
