"""Details of one model on one task in a panel: distribution, slices, extremes, confusions."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.cells import Confusion, ItemChange
from tcmbench.stats import statistics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tcmbench.records.entry import TaskCard
    from tcmbench.records.items import Items

BINS = 10
"""Bins of the histogram of item values."""

_EXTREMES = 3
_CONFUSIONS = 12
_HEAD, _MID = 0.5, 0.8
_ORDERED = ("head", "mid", "tail", "short", "medium", "long", "seen", "unseen")
_LAST = {"other": len(_ORDERED) + 1}


class Details(NamedTuple):
    """See `tcmbench.boards.cells.Cell` for each."""

    histogram: tuple[int, ...]
    lowest: tuple[ItemChange, ...]
    highest: tuple[ItemChange, ...]
    confusions: tuple[Confusion, ...]


def details(items: Items, base: Items | None) -> Details:
    """Return the details of one model's items against the reference's (None on the reference's own row)."""
    if not statistics.load(items.statistic).HAS_ITEM_SCORES:
        return Details((), (), (), ())
    import numpy as np

    values = items.values.mean(axis=0)
    before = None if base is None else base.values.mean(axis=0)
    change = values if before is None else values - before
    counts, _ = np.histogram(np.clip(values, 0, 100), bins=BINS, range=(0, 100))
    return Details(
        histogram=tuple(int(count) for count in counts),
        lowest=_extreme(items, values, change, largest=False),
        highest=_extreme(items, values, change, largest=True),
        confusions=_confusions(items, base),
    )


def slicings(items: Items, card: TaskCard | None) -> dict[str, tuple[str, ...]]:
    """Return slicing → slice of each item, in the items' order; items with an empty string belong to no slice.

    `frequency` splits gold labels by their number of items: the most frequent labels that together have
    half of the items are head, the next up to 80% mid, the rest tail.
    """
    slicings: dict[str, tuple[str, ...]] = {}
    if any(items.groups):
        slicings["frequency"] = _by_frequency(items.groups)
    for name, slices in sorted((card.slices if card else {}).items()):
        slicings[name] = tuple(slices.get(item, "") for item in items.ids)
    return {name: values for name, values in slicings.items() if len(set(values) - {""}) > 1}


def slice_sizes(items: Items, card: TaskCard | None) -> dict[str, dict[str, int]]:
    """Return slicing → slice → number of items."""
    if not statistics.load(items.statistic).HAS_ITEM_SCORES:
        return {}
    return {
        name: {part: count for part, count in sorted(Counter(values).items(), key=_slice_order) if part}
        for name, values in slicings(items, card).items()
    }


def _slice_order(pair: tuple[str, int]) -> tuple[int, int, str]:
    name, count = pair
    return (_ORDERED.index(name), 0, name) if name in _ORDERED else (_LAST.get(name, len(_ORDERED)), -count, name)


def _by_frequency(groups: tuple[str, ...]) -> tuple[str, ...]:
    counts = Counter(group for group in groups if group)
    total = sum(counts.values())
    part, seen = {}, 0
    for group, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        part[group] = "head" if seen < _HEAD * total else "mid" if seen < _MID * total else "tail"
        seen += count
    return tuple(part.get(group, "") for group in groups)


def _extreme(
    items: Items,
    values: npt.NDArray[np.float64],
    change: npt.NDArray[np.float64],
    *,
    largest: bool,
) -> tuple[ItemChange, ...]:
    """Return the items that changed most in one direction; ties by id, so the choice is deterministic."""
    import numpy as np

    order = np.argsort(-change if largest else change, kind="stable")[:_EXTREMES]
    return tuple(ItemChange(items.ids[i], float(values[i]), float(change[i])) for i in order)


def _confusions(items: Items, base: Items | None) -> tuple[Confusion, ...]:
    if not items.top1 or not any(items.groups):
        return ()
    here, seeds = _came_first(items), len(items.top1)
    before, before_seeds = (_came_first(base), len(base.top1)) if base is not None and base.top1 else (here, seeds)
    most = heapq.nsmallest(_CONFUSIONS, here.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(
        Confusion(gold, top, round(count / seeds), round(before[gold, top] / before_seeds))
        for (gold, top), count in most
    )


def _came_first(items: Items) -> Counter[tuple[str, str]]:
    """Return how often each wrong document came first for each gold label, over all seeds.

    A record with several gold labels counts for the first of them, where none of them came first.
    """
    times: Counter[tuple[str, str]] = Counter()
    for top, right in zip(items.top1, items.right, strict=True):
        ranked = zip(items.groups, top, right, strict=True)
        times.update((gold, found) for gold, found, is_right in ranked if gold and found and not is_right)
    return times
