"""Scores that a new board would lose because data or weights aren't on this machine.

A board is often written again where only a part of them is. Replaced by one with gaps, it would be lost, although
nothing is wrong with its scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.boards.files import FILES
from tcmbench.errors import ScoreMissing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.records.entry import Entry


def refuse(folder: Path, name: str, entries: Sequence[Entry]) -> None:
    """Check that no score of the board in a folder is missing now because its data or weights are absent.

    It is called before any board is replaced.

    Args:
        folder: Folder of the board.
        name: Name of the set, for the message.
        entries: Content of the new board.

    Raises:
        ScoreMissing: A cell that has a score there would have none, because data or weights are absent.
    """
    lost = absent_now(shown(folder / FILES["json"]), entries)
    if not lost:
        return
    count = sum(len(columns) for columns in lost.values())
    reasons = "\n".join(f"  {', '.join(sorted(columns))}: {reason}" for reason, columns in _by_reason(entries, lost))
    raise ScoreMissing(
        f"{folder}: the board there has {count} scores that are missing now, because data or weights aren't "
        f"found. It was not replaced.\n{reasons}\nGet them, or name the folder of data with --data, and run again. To "
        f"write what there is elsewhere: tcmbench board {name} --format html --output FILE. To start afresh, move the "
        "folder away."
    )


def shown(path: Path) -> frozenset[tuple[str, str]]:
    """Return model and column of every score in a board's `scores.json`; none where it can't be read."""
    try:
        table = strict_json.loads(path.read_text(encoding="utf-8"))
        return frozenset(
            (str(row["name"]), column)
            for row in table["rows"]
            for column, cell in row["cells"].items()
            if cell["score"] is not None
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def absent_now(before: frozenset[tuple[str, str]], entries: Sequence[Entry]) -> Mapping[str, list[str]]:
    """Return model → its columns that had a score before and now have none, because data or weights are absent."""
    lost = {
        entry.name: [
            column
            for column, state in entry.states.items()
            if state.state == "not_measured" and (entry.name, column) in before
        ]
        for entry in entries
    }
    return {name: columns for name, columns in lost.items() if columns}


def _by_reason(entries: Sequence[Entry], lost: Mapping[str, list[str]]) -> list[tuple[str, set[str]]]:
    """Return each reason with the columns that it concerns, once for all models."""
    reasons: dict[str, set[str]] = {}
    for entry in entries:
        for column in lost.get(entry.name, ()):
            reasons.setdefault(str(entry.states[column].reason), set()).add(column)
    return list(reasons.items())
