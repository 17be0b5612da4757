"""The split of each row, drawn from a hash of its query or group, so that rows that are added move no others."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.data.duplicates import normal_form
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

By = Literal["query", "group"]

_DRAW_BYTES = 6


class SplitItem(NamedTuple):
    """What decides the split of a row or query."""

    text: bytes
    """Hash of the query's normal form: equal for exact copies, as `data validate` counts them."""

    group: str
    """The patient or other group; "" where it is unknown."""


def item(text: str, group: str = "") -> SplitItem:
    """Return the item of a query."""
    return SplitItem(hashlib.blake2b((normal_form(text) or text).encode(), digest_size=16).digest(), group)


def assign(items: Sequence[SplitItem], shares: Mapping[str, float], *, by: By, seed: int) -> list[str]:
    """Return the split of each item.

    By query, an item's split depends on nothing but its text, the shares and the seed. By group it depends on the
    group; groups with a query text in common are one group, since the text would be in two splits otherwise.

    Args:
        items: Of all rows, in any order.
        shares: Split → its share, in any unit; one with share 0 gets nothing.
        by: What stays together.
        seed: Seed of the draw.
    """
    units = [each.text for each in items] if by == "query" else _linked_groups(items)
    drawn = {unit: _draw(unit, shares, seed=seed) for unit in dict.fromkeys(units)}
    return [drawn[unit] for unit in units]


def require_apart(items: Sequence[SplitItem], assigned: Sequence[str], *, by: By) -> None:
    """Check that no query text and, by group, no group is in two splits.

    Raises:
        DataError: One is.
    """
    texts: dict[bytes, str] = {}
    groups: dict[str, str] = {}
    for number, (each, split) in enumerate(zip(items, assigned, strict=True), start=1):
        first = texts.setdefault(each.text, split)
        if by == "group" and first == split:
            first = groups.setdefault(each.group, split)
        if first != split:
            raise DataError(f"Row {number}: its query or group is in {first} and in {split}. Please report this.")


def shared_groups(items: Sequence[SplitItem], assigned: Sequence[str]) -> int:
    """Return the number of known groups that are in several splits."""
    splits: dict[str, set[str]] = {}
    for each, split in zip(items, assigned, strict=True):
        if each.group:
            splits.setdefault(each.group, set()).add(split)
    return sum(len(names) > 1 for names in splits.values())


def _linked_groups(items: Sequence[SplitItem]) -> list[bytes]:
    """Return of each item the first name among the groups that are linked to its own by common texts."""
    parents: dict[str, str] = {}
    first: dict[bytes, str] = {}

    def root(group: str) -> str:
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    for text, group in items:
        parents.setdefault(group, group)
        low, high = sorted((root(group), root(first.setdefault(text, group))))
        parents[high] = low
    return [root(group).encode() for _, group in items]


def _draw(unit: bytes, shares: Mapping[str, float], *, seed: int) -> str:
    digest = hashlib.sha256(f"{seed}\n".encode() + unit).digest()
    ends = list(accumulate(shares.values()))
    place = int.from_bytes(digest[:_DRAW_BYTES]) / (1 << 8 * _DRAW_BYTES) * ends[-1]
    return list(shares)[bisect_right(ends, place)]
