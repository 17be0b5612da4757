"""The commits of the workspace between two states of a set."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import redaction

if TYPE_CHECKING:
    from pathlib import Path

_DIRTY = "+dirty"
_MOST = 1000
_LONGEST_TITLE = 100


class Commit(NamedTuple):
    """A commit."""

    name: str
    """Short hash."""

    title: str
    """First line of its message, without secrets."""


def is_dirty(commit: str) -> bool:
    """Return whether files had changes that were not committed."""
    return commit.endswith(_DIRTY)


def between(root: Path, before: str, after: str) -> tuple[Commit, ...] | None:
    """Return the commits after one state up to another, oldest first, that changed anything but results.

    None where git doesn't know one of them, such as in a shallow clone, or outside git.

    Args:
        root: Folder of the workspace.
        before: Commit of the earlier state.
        after: Commit of the later state.
    """
    first, last = before.removesuffix(_DIRTY), after.removesuffix(_DIRTY)
    if not first or not last:
        return None
    try:
        listed = subprocess.run(
            [
                "git", "-C", str(root), "log", "--reverse", f"--max-count={_MOST}", "--format=%h%x09%s",
                f"{first}..{last}", "--", ".", ":(exclude)leaderboards",
            ],
            capture_output=True, text=True, check=True, encoding="utf-8", errors="replace",
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    parts = (line.partition("\t") for line in listed.splitlines() if line)
    return tuple(Commit(name, redaction.text(title)[:_LONGEST_TITLE]) for name, _, title in parts)
