"""The map from syndrome names as doctors wrote them to the normalised names of TCM-SD.

Its authors' file is CSV without a header, in GB18030: raw name, normalised name, action, comment. The map
has chains (a raw name normalised to a name that the map merges further), so names are followed to their end.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

from tcmbench.data.lines import LineProblem, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Action = Literal["KEEP", "MERGE", "SUB_MERGE", "DELETE"]

_ACTIONS: frozenset[str] = frozenset(get_args(Action))
_FEWEST_COLUMNS = 3

# The original has it as the target of deletions, and of one merge.
_NOTHING = "NULL"


class LabelEntry(NamedTuple):
    """The entry of one raw name."""

    normalised: str
    """Name to use instead; "" for a deleted one."""

    action: Action


class LabelMapLines(NamedTuple):
    """The content of a label map file."""

    entries: Mapping[str, LabelEntry]
    """By raw name, in file order."""

    problems: tuple[LineProblem, ...]


@dataclass(frozen=True)
class LabelMap:
    """Raw syndrome names with their entries."""

    entries: Mapping[str, LabelEntry]
    """By raw name."""

    def normalise(self, name: str) -> str | None:
        """Return the name at the end of the map's chain; the name itself when unknown, None when deleted.

        A circular chain ends at the last new name; a deletion after a merge keeps
        the name merged into.
        """
        seen = {name}
        current = name
        while (entry := self.entries.get(current)) is not None:
            if not entry.normalised:
                return None if current == name else current
            if entry.normalised in seen:
                break
            current = entry.normalised
            seen.add(current)
        return current

    def merged_with(self, name: str) -> frozenset[str]:
        """Return all names that this map treats as equal to `name`, itself included."""
        target = self.normalise(name)
        return frozenset({name}) if target is None else self._groups.get(target, frozenset()) | {name, target}

    @cached_property
    def _groups(self) -> Mapping[str, frozenset[str]]:
        groups: dict[str, set[str]] = {}
        for raw in self.entries:
            target = self.normalise(raw)
            if target is not None:
                groups.setdefault(target, set()).add(raw)
        return {target: frozenset(raws) for target, raws in groups.items()}


def read_label_map(path: Path) -> LabelMapLines:
    """Return the entries of a label map file, one per line, and its bad lines."""
    entries: dict[str, LabelEntry] = {}
    problems: list[LineProblem] = []
    # Line by line: an unclosed quote would include the entries below it.
    for number, line in enumerate(read_text(path).removeprefix("\ufeff").split("\n"), start=1):
        try:
            row = [cell.strip() for cells in csv.reader([line], strict=True) for cell in cells]
        except csv.Error as error:
            reason = f'not CSV: {error}. A quote must close on its line; one inside quotes is written ""'
            problems.append(LineProblem(number, reason))
            continue
        if not any(row):
            continue
        complaint = _complaint(row, entries)
        if complaint:
            problems.append(LineProblem(number, complaint))
            continue
        raw, normalised, action = row[0], row[1], cast("Action", row[2].upper())
        deleted = action == "DELETE" or normalised == _NOTHING
        entries[raw] = LabelEntry("" if deleted else normalised, action)
    return LabelMapLines(entries, tuple(problems))


def _complaint(row: list[str], entries: Mapping[str, LabelEntry]) -> str:
    if len(row) < _FEWEST_COLUMNS:
        return f"expected raw name, normalised name, action[, comment]; got {len(row)} columns"
    if not row[0]:
        return "no raw name in the first column"
    if row[2].upper() not in _ACTIONS:
        return f"{row[0]}: expected {', '.join(sorted(_ACTIONS))} in the third column, got {row[2]!r}"
    if row[2].upper() != "DELETE" and not row[1]:
        return f"{row[0]}: no normalised name in the second column"
    if row[0] in entries:
        return f"{row[0]}: mapped a second time"
    return ""
