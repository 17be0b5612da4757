"""A measured set on one half of its items."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.comparison.halves import on_half
from tcmbench.comparison.measured import measured_set
from tcmbench.errors import NotComparable
from tcmbench.searches import figures
from tests.boards.fake import POLICIES, Fake, Shape, make

if TYPE_CHECKING:
    from tcmbench.comparison.measured import MeasuredSet


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Return a set with a ranking task, a reranking task and one of pairs."""
    return make(tmp_path_factory.mktemp("scores"), Shape(variants=2, columns=4, items=80, broken=False))


@pytest.fixture(scope="module")
def whole(fake: Fake) -> MeasuredSet:
    """Return it with its items."""
    return measured_set(fake.model_set, fake.suite, fake.entries)


def test_both_halves_are_all_items_with_what_belongs_to_them(whole: MeasuredSet) -> None:
    """Ids, values of every seed, gold and first documents stay together."""
    first, second = on_half(whole, "selection"), on_half(whole, "confirmation")
    for model, one, other in zip(whole.models, first.models, second.models, strict=True):
        for column, items in model.items.items():
            a, b = one.items[column], other.items[column]
            assert sorted([*a.ids, *b.ids]) == list(items.ids)
            assert not {*a.clusters} & {*b.clusters}
            for part in (a, b):
                places = [items.ids.index(item) for item in part.ids]
                assert np.array_equal(part.values, items.values[:, places])
                assert part.groups == tuple(items.groups[place] for place in places)
                assert part.top1 == tuple(tuple(top[place] for place in places) for top in items.top1)
                if items.gold is not None:
                    assert part.gold is not None
                    assert np.array_equal(part.gold, items.gold[places])


def test_all_models_have_the_same_half(whole: MeasuredSet) -> None:
    """They stay comparable item by item."""
    half = on_half(whole, "selection")
    for column in half.models[0].items:
        assert len({model.items[column].ids for model in half.models if column in model.items}) == 1


def test_a_column_of_one_patient_has_no_halves(whole: MeasuredSet) -> None:
    """It can't both select and confirm; the message says what to do."""
    model = whole.models[0]
    column, items = next(iter(model.items.items()))
    alone = replace(model, items={column: replace(items, clusters=("p",) * len(items.ids))})
    with pytest.raises(NotComparable, match="Leave the column out of the suite of a search"):
        on_half(replace(whole, models=(alone,)), "selection")


def test_figures_of_a_half_are_those_of_its_items(fake: Fake, whole: MeasuredSet) -> None:
    """The gain is the mean change over the in_domain columns on these items; both halves average to the whole."""
    name = next(entry.name for entry in fake.entries if entry.kind == "variant")
    gains = {}
    for half in ("selection", "confirmation"):
        found = figures.on(half, name, fake.model_set, fake.suite, fake.entries, policy=POLICIES.reference)  # type: ignore[arg-type]
        assert found.gain is not None
        models = {model.name: model for model in on_half(whole, half).models}  # type: ignore[arg-type]
        base, tuned = models[fake.model_set.reference], models[name]
        columns = [column.column for column in fake.suite.tasks if column.role == "in_domain"]
        expected = np.mean([tuned.items[c].values.mean() - base.items[c].values.mean() for c in columns])
        gains[half] = found.gain.value
        assert found.gain.value == pytest.approx(expected)
        assert found.gain.low < found.gain.value < found.gain.high
        assert figures.from_json(figures.to_json(found)) == found
    assert gains["selection"] != gains["confirmation"]
