"""The day of a board. Boards have no date in them, because the same scores give the same bytes on every day."""

from __future__ import annotations

import datetime as dt
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def last_changed(path: Path) -> dt.date | None:
    """Return the day on which a file was last changed.

    That is the day of its last commit; where git doesn't track it, or it has changes, the file's own (UTC). None where
    the history isn't complete: the first commit of a shallow clone seems to have changed every file.
    """
    commit = _git(path, "log", "-1", "--format=%cs %P", "--", path.name)
    if not commit or _git(path, "status", "--porcelain", "--", path.name):
        return dt.datetime.fromtimestamp(path.stat().st_mtime, tz=dt.UTC).date()
    day, _, parents = commit.partition(" ")
    if not parents and _git(path, "rev-parse", "--is-shallow-repository") == "true":
        return None
    return dt.date.fromisoformat(day)


def _git(path: Path, *arguments: str) -> str:
    """Return what git prints about the folder of a file; empty outside git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(path.parent), *arguments], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
