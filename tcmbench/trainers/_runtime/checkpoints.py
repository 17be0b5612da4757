"""Checkpoints of a training: the newest complete one, by the checksums recorded when it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tcmbench.store import file_sha256, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKSUMS = "checksums.json"
"""File in each checkpoint with the sha256 of its other files."""


def record(folder: Path) -> None:
    """Write the checksums of a checkpoint, as its last file: without them it is incomplete."""
    write_json(folder / CHECKSUMS, {name: file_sha256(folder / name) for name in sorted(_names(folder))})


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
    return next((folder for _, folder in sorted(numbered.items(), reverse=True) if _is_whole(folder)), None)


def is_last(checkpoint: Path, *, steps: int) -> bool:
    """Return whether a checkpoint is that of the last step.

    A trainer started from it would run no epoch, or one step too many where max_steps ends the epoch.
    """
    return checkpoint.name == f"checkpoint-{steps}"


def log_history(checkpoint: Path) -> list[dict[str, Any]]:
    """Return everything that was logged up to a checkpoint, including its own step."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    history: list[dict[str, Any]] = state["log_history"]
    return history


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != CHECKSUMS:
            yield path.relative_to(folder).as_posix()


def _is_whole(folder: Path) -> bool:
    try:
        recorded = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        return "trainer_state.json" in recorded and all(
            file_sha256(folder / name) == checksum for name, checksum in recorded.items()
        )
    except (OSError, ValueError):
        return False
