"""Splitting a file or folder, with a report of what each split got."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import reading
from tcmbench.data.formats import _rows
from tcmbench.data.splitting.assignment import assign, require_apart, shared_groups
from tcmbench.data.splitting.sources import SplitColumns, open_source
from tcmbench.errors import DataError, SpecError
from tcmbench.store import placed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.data.splitting.assignment import By, SplitItem

NAMES = ("train", "dev", "test")


class SplitSize(NamedTuple):
    """What a split got."""

    name: str

    rows: int
    """Rows of a file, records, or judged queries."""

    queries: int
    """Queries with different texts."""

    groups: int
    """Groups; 0 where they are unknown."""

    share: float
    """Share of the queries, or of the groups where they stay together, from 0 to 1."""

    wanted: float
    """The share that was asked for."""


class DataSplit(NamedTuple):
    """Data that was split."""

    sizes: tuple[SplitSize, ...]

    by: By

    shared: int
    """Known groups that are in several splits; 0 by group."""

    def lines(self) -> list[str]:
        """Return one line per split, and one about groups that are in several."""
        unit = "queries" if self.by == "query" else "groups"
        said = [
            f"{size.name:<5}  {size.rows:>9,} rows  {size.queries:>9,} queries"
            + (f"  {size.groups:>9,} groups" if size.groups else "")
            + f"  {size.share:.1%} of the {unit} ({size.wanted:.1%} asked for)"
            for size in self.sizes
        ]
        if self.shared:
            said.append(f"{self.shared:,} patients are in several splits; --by group keeps each in one.")
        return said


def shares_of(text: str) -> dict[str, float]:
    """Return split → share from a text such as 60/20/20.

    Raises:
        SpecError: It isn't three numbers of at least 0, those of train and of one other split above 0.
    """
    try:
        numbers = [float(part) for part in text.split("/")]
    except ValueError:
        numbers = []
    if (
        len(numbers) != len(NAMES)
        or not all(0 <= n < float("inf") for n in numbers)
        or not (numbers[0] > 0 and sum(numbers[1:]) > 0)
    ):
        raise SpecError(
            f"--shares: expected three numbers for train, dev and test, such as 60/20/20 or 90/10/0, got {text}."
        )
    return dict(zip(NAMES, numbers, strict=True))


def split(
    source: Path,
    target: Path,
    *,
    shares: dict[str, float],
    named: SplitColumns,
    seed: int,
    splits: Sequence[str] = (),
) -> DataSplit:
    """Write train, dev and test of a file or folder: all rows of a query, or of a group, in one of them.

    A file of rows becomes `train.jsonl`, `dev.jsonl` and `test.jsonl` with its columns as they are, a TCM-SD folder a
    TCM-SD folder, anything with judgements a BEIR folder. The shares hold on average, as the split of a query or group
    is a hash of its text or name: rows that are added later move no others.

    Args:
        source: File or folder.
        target: New or empty folder.
        shares: Split → share, as from `shares_of`.
        named: What stays together, and columns.
        seed: Another seed gives other splits.
        splits: Splits of a folder to split again; () where it has one only.

    Raises:
        DataError: Data that can't be used, a target that isn't empty, or a split that would be empty. Nothing was
            written.
    """
    _rows.require_empty(target)
    files = [source] if not reading.is_folder(source) else [path for path in source.rglob("*") if path.is_file()]
    with reading.pinned(reading.hashed(files)):
        data = open_source(source, splits=splits, named=named)
        assigned = assign(data.items, shares, by=named.by, seed=seed)
        require_apart(data.items, assigned, by=named.by)
        sizes = _sizes(data.items, assigned, shares, by=named.by)
        _refuse_empty(source, sizes, by=named.by)
        with placed(target) as part:
            data.write(assigned, part)
    return DataSplit(sizes, named.by, shared_groups(data.items, assigned))


def _sizes(
    items: Sequence[SplitItem], assigned: Sequence[str], shares: dict[str, float], *, by: By
) -> tuple[SplitSize, ...]:
    texts: dict[str, set[bytes]] = {name: set() for name in shares}
    groups: dict[str, set[str]] = {name: set() for name in shares}
    count = dict.fromkeys(shares, 0)
    for each, name in zip(items, assigned, strict=True):
        count[name] += 1
        texts[name].add(each.text)
        groups[name] |= {each.group} - {""}
    units = {name: len(texts[name] if by == "query" else groups[name]) for name in shares}
    total = sum(units.values()) or 1
    asked = sum(shares.values())
    return tuple(
        SplitSize(name, count[name], len(texts[name]), len(groups[name]), units[name] / total, shares[name] / asked)
        for name in shares
        if shares[name]
    )


def _refuse_empty(source: Path, sizes: Sequence[SplitSize], *, by: By) -> None:
    empty = [size.name for size in sizes if not size.rows]
    if empty:
        units = sum(size.queries if by == "query" else size.groups for size in sizes)
        raise DataError(
            f"{source}: {' and '.join(empty)} would be empty: {units:,} {'queries' if by == 'query' else 'groups'} are "
            "too few for these shares. Choose other shares, another --seed, or 0 for a split that isn't needed."
        )
