"""Items behind a score: which wrong documents came first."""

from __future__ import annotations

import numpy as np

from tcmbench.boards.details import details
from tcmbench.records.items import Items


def _items(groups: tuple[str, ...], *seeds: tuple[tuple[str, bool], ...]) -> Items:
    names = tuple(f"r{number}" for number in range(len(groups)))
    values = np.array([[100.0 * right for _, right in seed] for seed in seeds])
    top1, right = (tuple(tuple(pair[part] for pair in seed) for seed in seeds) for part in (0, 1))
    return Items("mean", names, names, groups, values, None, top1, right)  # type: ignore[arg-type]


def test_a_second_right_answer_is_no_confusion() -> None:
    """A record of two syndromes has the first as its label; the second in the first place is right."""
    items = _items(("气虚证", "气虚证", "血虚证"), (("血虚证", True), ("气虚证", True), ("阴虚证", True)))
    assert details(items, None).confusions == ()


def test_wrong_documents_are_counted_by_label() -> None:
    """Mean of the seeds, beside the base's; where nothing was found, nothing is confused."""
    groups = ("气虚证", "气虚证", "血虚证", "阴虚证")
    wrong = (("血虚证", False), ("血虚证", False), ("血虚证", True), ("", False))
    items, base = _items(groups, wrong, wrong), _items(groups, (*wrong[:1], ("气虚证", True), *wrong[2:]))
    ((gold, found, times, before),) = (
        (c.gold, c.found, c.times, c.reference_times) for c in details(items, base).confusions
    )
    assert (gold, found, times, before) == ("气虚证", "血虚证", 2, 1)
