"""Labels of texts: normalised spelling, and notes on variants and contradictions."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

_SHOWN = 5


class Labels:
    """Reads labels in normalised spelling.

    That is NFKC (full-width becomes half-width), without invisible characters, such as U+200B and U+FEFF, and without
    surrounding space.
    """

    def __init__(self) -> None:
        self._spellings: dict[str, set[str]] = defaultdict(set)

    def read(self, row: Mapping[str, object], name: str) -> str:
        """Return a label: text, or a whole number's digits.

        Raises:
            FieldProblem: It is neither.
        """
        visible = "".join(
            character
            for character in unicodedata.normalize("NFKC", values.identifier(row, name))
            if unicodedata.category(character) != "Cf"
        )
        label = visible.strip()
        if not label:
            raise FieldProblem(f"{name}: expected text or a whole number, got invisible characters alone")
        written = row[name]
        self._spellings[label].add(written if isinstance(written, str) else label)
        return label

    def notes(self) -> list[str]:
        """Return a note on the labels that are written in several ways."""
        several = [sorted(written) for written in self._spellings.values() if len(written) > 1]
        if not several:
            return []
        return [f"labels written in several ways, taken as one: {listed(' = '.join(map(repr, s)) for s in several)}"]


def contradictions(items: Sequence[Hashable], golds: Sequence[object], *, what: str) -> list[str]:
    """Return a note on equal items with different gold values, none where there are no such items."""
    seen: dict[Hashable, set[object]] = defaultdict(set)
    for item, gold in zip(items, golds, strict=True):
        seen[item].add(gold)
    count = sum(len(different) > 1 for different in seen.values())
    return [f"{count} {what}: no model can be right about all of them"] if count else []


def listed(names: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
