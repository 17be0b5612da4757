"""Looks at a set: new scores are a new look at a smaller alpha, recorded once; a plan can't change afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.comparison import looks
from tcmbench.errors import ScoreMissing, SpecError
from tcmbench.records.entry import CellState
from tcmbench.specs.policy import parse
from tests.boards.fake import Shape, make
from tests.comparison.states import state, with_record, without

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.comparison.looks import Looks
    from tcmbench.comparison.measured import MeasuredSet

POLICIES = parse({"looks": 4}, where="", source="default")
WHERE = "leaderboards/fake/looks.json"


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[MeasuredSet]:
    """A set with two, three, four, five and six seeds."""
    return [state(tmp_path_factory.mktemp("scores"), seeds=seeds) for seeds in range(2, 7)]


def looked(sets: list[MeasuredSet]) -> Looks:
    """Return the record after a look at each set."""
    record: Looks | None = None
    for measured in sets:
        record = looks.take(measured, POLICIES, earlier=record, where=WHERE).record
    assert record is not None
    return record


def test_without_a_plan_alpha_is_that_of_every_check(sets: list[MeasuredSet]) -> None:
    """Nothing is written."""
    policies = parse({}, where="", source="default")
    taken = looks.take(sets[0], policies, earlier=None, where=WHERE)
    assert (taken.policies, taken.number, taken.record) == (policies, 1, None)


def test_new_scores_are_a_new_look_and_seen_ones_the_same(sets: list[MeasuredSet]) -> None:
    """Alpha rises from look to look; that of the baseline's comparison is unchanged."""
    record = looked(sets[:3])
    alphas = [look.alpha for look in record.looks]
    assert alphas[0] == 0.0031
    assert alphas == sorted(alphas)
    assert alphas[-1] < 0.05
    again = looks.take(sets[1], POLICIES, earlier=record, where=WHERE)
    assert (again.number, again.policies.reference.alpha, again.record) == (2, alphas[1], None)
    assert again.policies.baseline.alpha == 0.05


def test_a_small_alpha_is_not_rounded_to_zero(sets: list[MeasuredSet]) -> None:
    """An alpha of 0 would have no interval."""
    policies = parse({"alpha": 0.005, "looks": 8, "n_resamples": 200_000}, where="", source="default")
    taken = looks.take(sets[0], policies, earlier=None, where=WHERE)
    assert taken.policies.reference.alpha == 0.000078


def test_more_seeds_at_once_have_a_smaller_alpha_than_a_few(sets: list[MeasuredSet]) -> None:
    """The looks have less data in common."""
    few, many = looked([sets[0], sets[1]]), looked([sets[0], sets[4]])
    assert many.looks[1].alpha < few.looks[1].alpha


def test_other_items_have_nothing_in_common(sets: list[MeasuredSet]) -> None:
    """Another revision of a task with no more items than before."""
    other = with_record(sets[1], "General2", task_revision="r2")
    assert looked([sets[0], other]).looks[1].alpha < looked([sets[0], sets[1]]).looks[1].alpha


def test_a_fifth_look_of_four_is_refused_and_a_board_stays_at_the_last(sets: list[MeasuredSet]) -> None:
    """The verdict of the last look stands."""
    record = looked(sets[:4])
    with pytest.raises(SpecError, match="all 4 planned looks were taken"):
        looks.take(sets[4], POLICIES, earlier=record, where=WHERE)
    shown = looks.shown(sets[4], POLICIES, earlier=record, where=WHERE)
    assert shown.reference.alpha == record.looks[-1].alpha


def test_a_plan_that_changes_after_a_look_is_refused(sets: list[MeasuredSet]) -> None:
    """More looks, none, or another alpha."""
    record = looked(sets[:1])
    for changed in ({"looks": 5}, {}, {"looks": 4, "alpha": 0.1}):
        with pytest.raises(SpecError, match=r"looks = 4 and alpha = 0\.05"):
            looks.take(sets[1], parse(changed, where="", source=""), earlier=record, where=WHERE)


def test_the_file_survives_a_round_trip_and_an_edited_one_is_refused(sets: list[MeasuredSet], tmp_path: Path) -> None:
    """A forgotten look would be a free chance."""
    path = tmp_path / looks.FILE
    assert looks.read(path) is None
    record = looked(sets[:2])
    looks.write(path, record)
    assert looks.read(path) == record
    path.write_text(path.read_text("utf-8").replace('"planned": 4', '"planned": 9'), encoding="utf-8")
    with pytest.raises(SpecError, match="number of looks so far is unknown"):
        looks.read(path)


def test_a_board_has_the_alpha_of_the_look(tmp_path: Path) -> None:
    """Its intervals have the level of the check of the same scores, and say so."""
    fake = make(tmp_path, Shape(variants=1, columns=4, items=60, broken=False))
    table = build(fake.model_set, fake.suite, list(fake.entries), options=Options(policies=POLICIES))
    assert (table.policy.alpha, table.policy.level) == (0.0031, "99.69%")


def test_looks_need_resamples_and_belong_to_the_reference() -> None:
    """The first of ten is at one in two thousand; a model is compared with its baseline once."""
    with pytest.raises(SpecError, match="20,000"):
        parse({"looks": 10}, where="policy.toml", source="policy.toml")
    assert parse({"looks": 10, "n_resamples": 20_000}, where="", source="").reference.looks == 10
    with pytest.raises(SpecError, match="for the reference only"):
        parse({"baseline": {"looks": 2}}, where="policy.toml", source="policy.toml")
    assert parse({"looks": 4}, where="", source="").baseline.looks == 1
    assert np.isclose(POLICIES.reference.alpha, 0.05)


def test_no_look_is_taken_while_scores_are_missing(sets: list[MeasuredSet]) -> None:
    """It would be one of few, and the whole another; what a model can't do isn't missing."""
    reference = sets[0].model_set.reference
    variant = next(model.name for model in sets[0].models if model.entry.kind == "variant")
    for name in (reference, variant):
        part = without(sets[0], name, "General3", CellState("pending"))
        with pytest.raises(ScoreMissing, match=rf"none is taken while scores are missing: {name} on General3\. Run"):
            looks.require_complete(part, POLICIES, where=WHERE)
        looks.require_complete(part, parse({}, where="", source="default"), where=WHERE)
    looks.require_complete(without(sets[0], variant, "General3", CellState("not_applicable")), POLICIES, where=WHERE)
    looks.require_complete(sets[0], POLICIES, where=WHERE)
