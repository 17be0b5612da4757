"""A set's trainings: rows with one seed borrow the noise of their siblings, and rows of a set without seeds don't."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench.boards.build import build
from tcmbench.boards.columns import seeds
from tcmbench.boards.options import Options
from tcmbench.boards.spreadsheet import to_csv
from tcmbench.checks.texts import _seeds
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import regression
from tcmbench.comparison.measured import measured, measured_set
from tcmbench.comparison.pairs import ComparedPair, Side, compare
from tcmbench.comparison.reference import AgainstReference
from tcmbench.comparison.trainings import NO_TRAININGS, trainings
from tcmbench.stats.training_noise import deviations
from tests.boards.fake import Shape, make
from tests.comparison.states import POLICIES, POLICY, with_values

if TYPE_CHECKING:
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.records.entry import Entry
    from tests.boards.fake import Fake


def _one_seed(entry: Entry) -> Entry:
    return replace(entry, scores={column: scores[:1] for column, scores in entry.scores.items()})


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """A set of two variants with three seeds."""
    return make(
        tmp_path_factory.mktemp("scores"), Shape(variants=2, columns=4, items=120, seeds=3, broken=False), seed=2
    )


def _variants(fake: Fake) -> list[str]:
    return [entry.name for entry in fake.entries if entry.kind == "variant"]


def _with_single(fake: Fake, *names: str) -> tuple[Entry, ...]:
    return tuple(_one_seed(entry) if entry.name in names else entry for entry in fake.entries)


def _set(fake: Fake, entries: tuple[Entry, ...]) -> MeasuredSet:
    return measured_set(fake.model_set, fake.suite, entries)


def test_one_seed_beside_siblings_has_a_wider_interval_and_says_so(fake: Fake) -> None:
    """On the board, in CSV and in `check`; the siblings are their own source."""
    first, second = _variants(fake)
    entries = _with_single(fake, first)
    verdict = AgainstReference(_set(fake, entries), policy=POLICY).judge(first)
    alone = AgainstReference(_set(fake, _with_single(fake, first, second)), policy=POLICY).judge(first)
    assert (verdict.is_pooled, alone.is_pooled) == (True, False)
    for wide, narrow in zip(verdict.tasks, alone.tasks, strict=True):
        assert wide.delta.value == narrow.delta.value
        assert (
            wide.delta.interval.high - wide.delta.interval.low > narrow.delta.interval.high - narrow.delta.interval.low
        )
    assert (_seeds(verdict), _seeds(alone)) == ("1 (noise of siblings)", "1 (items only)")
    table = build(fake.model_set, fake.suite, entries, options=Options(policies=POLICIES))
    assert seeds.figure(table.row(first)).note.en == "single seed, noise of siblings"
    assert (table.row(first).is_pooled, table.row(second).is_pooled) == (True, False)
    lines = [line.split(",") for line in to_csv(table).splitlines()]
    place = lines[0].index("training_noise")
    said = {line[0]: line[place] for line in lines[1:]}
    assert (said[first], said[second], said[fake.model_set.reference]) == ("siblings", "own seeds", "")


def test_rows_of_a_set_without_seeds_don_t_depend_on_each_other(fake: Fake) -> None:
    """Nothing can be pooled: a row is the same with its neighbours and without, to the last bit."""
    first, second = _variants(fake)
    entries = _with_single(fake, first, second)
    both = AgainstReference(_set(fake, entries), policy=POLICY).judge(first)
    without = tuple(entry for entry in entries if entry.name != second)
    alone = AgainstReference(_set(fake, without), policy=POLICY).judge(first)
    assert both.tasks == alone.tasks
    assert both.result.backward_transfer == alone.result.backward_transfer


def test_a_part_of_the_models_is_judged_by_the_noise_of_the_whole_set(fake: Fake) -> None:
    """`check` resamples the variants only, and gives the board's figures."""
    whole = _set(fake, _with_single(fake, _variants(fake)[0]))
    part = AgainstReference(whole, policy=POLICY, names=_variants(fake)[:1])
    assert part.judge(_variants(fake)[0]) == AgainstReference(whole, policy=POLICY).judge(_variants(fake)[0])


def test_against_its_baseline_a_single_seed_has_the_noise_of_both_trainings(fake: Fake) -> None:
    """A retrained model differs by two trainings, whose noise the siblings show."""
    first, second = _variants(fake)
    widths = []
    for entries in (_with_single(fake, first), _with_single(fake, first, second)):
        before = _set(fake, entries)
        kept = baselines.make(before, policy=POLICY)
        now = with_values(before, first, "InDomain0", lambda values: np.clip(values + 1.0, 0, 100))
        verdict = next(
            v for v in regression.judge(now, kept, policies=POLICIES, where="baseline.json") if v.name == first
        )
        task = verdict.task("InDomain0")
        assert task is not None
        widths.append(task.delta.interval.high - task.delta.interval.low)
        assert task.is_pooled == (len(widths) == 1)
    assert widths[0] > 1.5 * widths[1]


@pytest.mark.parametrize("earlier_has_one", [True, False])
def test_against_its_baseline_a_single_seed_has_the_noise_of_the_other_side(fake: Fake, earlier_has_one: bool) -> None:
    """The only variant with several seeds is its own: seeds were added, or fewer were trained again."""
    first, second = _variants(fake)
    single, several = _set(fake, _with_single(fake, first, second)), _set(fake, _with_single(fake, second))
    before, now = (single, several) if earlier_has_one else (several, single)
    kept = baselines.make(before, policy=POLICY)
    verdict = next(v for v in regression.judge(now, kept, policies=POLICIES, where="baseline.json") if v.name == first)
    without = next(
        v
        for v in regression.judge(
            single, baselines.make(several, policy=POLICY), policies=POLICIES, where="baseline.json"
        )
        if v.name == first
    )
    for task, same in zip(verdict.tasks, without.tasks, strict=True):
        assert task.delta.value == pytest.approx(-same.delta.value if earlier_has_one else same.delta.value)
        width, other = (one.delta.interval.high - one.delta.interval.low for one in (task, same))
        assert width == pytest.approx(other, rel=0.25)


def test_the_pool_has_the_seeds_of_variants_only(fake: Fake) -> None:
    """Points of each seed; a variant with one seed is known by name, a base is not."""
    first, second = _variants(fake)
    found = trainings(_with_single(fake, first))
    assert found.names == (first, second)
    assert found.figures is not None
    assert {name for of_column in found.figures.values() for name in of_column} == {second}
    entry = next(entry for entry in fake.entries if entry.name == second)
    expected = [100 * score.record.value for score in entry.scores["InDomain0"]]
    assert found.figures["InDomain0"][second].tolist() == expected
    assert trainings([]) == replace(NO_TRAININGS, figures={})


def test_a_slice_has_the_noise_of_the_trainings_of_its_column(fake: Fake) -> None:
    """A cure or a form of a variant is no sibling there either: its models hardly differ."""
    first, second = _variants(fake)
    entries = _with_single(fake, first)
    tuned = next(entry for entry in entries if entry.name == second)
    cure = replace(tuned, name="cure", of=(second,))
    form = replace(tuned, name="form", form_of=second)
    rows = {second: np.array([[1.0, 2.0], [3.0, 4.0]])} | {name: np.ones((2, 2)) for name in ("cure", "form", first)}
    noise = trainings((*entries, cure, form)).over(rows)
    assert {name: figures.tolist() for name, figures in noise.siblings.items()} == {second: [1.5, 3.5]}


def test_a_model_that_was_tuned_elsewhere_has_no_noise_of_training(fake: Fake) -> None:
    """It is a file, whatever is trained beside it: a set lists it among its bases."""
    first, _ = _variants(fake)
    entries = _with_single(fake, first)
    given = fake.model_set.model_copy(update={"models": (*fake.model_set.models, first)})
    beside = AgainstReference(measured_set(given, fake.suite, entries), policy=POLICY).judge(first)
    alone = AgainstReference(_set(fake, _with_single(fake, *_variants(fake))), policy=POLICY).judge(first)
    assert (beside.is_pooled, beside.tasks) == (False, alone.tasks)


def test_compare_with_a_row_of_the_baseline_has_the_interval_of_check(fake: Fake) -> None:
    """The earlier seeds of a variant are siblings of its current ones in both."""
    first, second = _variants(fake)
    now = with_values(_set(fake, _with_single(fake, second)), first, "InDomain0", lambda values: values * 0.97)
    kept = baselines.make(_set(fake, _with_single(fake, second)), policy=POLICY)
    checked = next(v for v in regression.judge(now, kept, policies=POLICIES, where="baseline.json") if v.name == first)
    model = now.model(first)
    assert model is not None
    items = model.items["InDomain0"]
    values = kept.row(first, "InDomain0", where="baseline.json")
    metrics = {"InDomain0": model.metric("InDomain0")}
    blank: dict[str, object] = {"metrics": metrics, "reasons": {}, "missing": frozenset(), "hits": {}, "variant": first}
    before = Side("baseline.json:x", {"InDomain0": replace(items, values=values)}, **blank, is_rounded=True)  # type: ignore[arg-type]
    after = Side(first, {"InDomain0": items}, **blank)  # type: ignore[arg-type]
    planned = SimpleNamespace(suite=fake.suite)
    pair = ComparedPair(
        before,
        after,
        fake.model_set,
        planned,
        POLICY,
        trainings(m.entry for m in now.models),  # type: ignore[arg-type]
    )
    task = checked.task("InDomain0")
    assert task is not None
    assert compare(pair, only=["InDomain0"]).columns["InDomain0"].verdict.delta == task.delta


def _side(label: str, entry: Entry, model_set: MeasuredSet) -> Side:
    """Return a row with all its seeds as a side of a comparison."""
    model = measured(entry)
    return Side(
        label,
        model.items,
        {column.column: model.metric(column.column) for column in model_set.columns if column.column in model.items},
        reasons={},
        missing=frozenset(),
        hits={},
        variant=entry.name,
    )


def _cure(entry: Entry, name: str, *of: str, seeds: int | None = None) -> Entry:
    scores = {column: scores[:seeds] for column, scores in entry.scores.items()}
    return replace(entry, name=name, kind="variant", of=of, scores=scores)


def test_a_cure_has_the_noise_of_its_own_models_only(fake: Fake) -> None:
    """None of the tuned weights is the base, seed by seed, whatever the trainings differ by."""
    first, _ = _variants(fake)
    base = next(entry for entry in fake.entries if entry.name == fake.model_set.reference)
    undone = replace(base, scores={column: scores * 3 for column, scores in base.scores.items()})
    entries = (*fake.entries, _cure(undone, "undone", first))
    verdict = AgainstReference(_set(fake, entries), policy=POLICY).judge("undone")
    reach = [abs(bound) for task in verdict.tasks for bound in (task.delta.interval.low, task.delta.interval.high)]
    assert max(reach) < 1e-9


def test_a_cure_is_compared_with_its_variant_training_by_training(fake: Fake) -> None:
    """All of the tuned weights is the variant: no luck of training lies between them, but between two variants."""
    first, second = _variants(fake)
    tuned = {entry.name: entry for entry in fake.entries}
    whole = _cure(tuned[first], "whole", first)
    mapped = _cure(tuned[first], "mapped", "whole")
    entries = (*fake.entries, mapped, whole)  # in any order
    measured_entries = _set(fake, entries)
    widths = {}
    for name, entry in {"whole": whole, "mapped": mapped, second: tuned[second]}.items():
        sides = (_side("before", tuned[first], measured_entries), _side(name, entry, measured_entries))
        planned = SimpleNamespace(suite=fake.suite)
        pair = ComparedPair(*sides, fake.model_set, planned, POLICY, trainings(entries))  # type: ignore[arg-type]
        intervals = [column.verdict.delta.interval for column in compare(pair).columns.values()]
        widths[name] = max(interval.high - interval.low for interval in intervals)
    assert widths["whole"] == widths["mapped"] == 0.0 < widths[second]


def test_a_soup_varies_like_a_mean_of_its_trainings(fake: Fake) -> None:
    """One model of three seeds is a third as variable as one of them; also where it is cured further."""
    first, second = _variants(fake)
    tuned = next(entry for entry in fake.entries if entry.name == first)
    rows = {"soup": (first,), "mapped": ("soup",), "both": (first, second), "each": (first,)}
    cures = [
        replace(_cure(tuned, name, *of, seeds=None if name == "each" else 1), recipe={"cure": "merge"})
        for name, of in rows.items()
    ]
    known = trainings((*fake.entries, *cures))
    assert known.averaged == {"soup": 3, "mapped": 3, "both": 3}
    assert known.alone - {first, second} == {"each"}
    assert known.origins == {"each": first}
    column = "InDomain0"
    alike = replace(known, averaged={})
    reach = [
        float(np.std(deviations("soup", np.zeros(1), noise=one.on(column), random=random, resamples=20_000)))  # type: ignore[arg-type]
        for one, random in zip((known, alike), map(np.random.default_rng, (1, 1)), strict=True)
    ]
    assert reach[0] == pytest.approx(reach[1] / np.sqrt(3))


@pytest.mark.parametrize(
    ("recipe", "worth"),
    [
        ({"cure": "merge"}, 3),
        ({"cure": "merge", "options.weights": [1.0, 0.0, 0.0]}, 1),
        ({"cure": "merge", "options.weights": [2.0, 1.0, 1.0]}, 16 / 6),
        ({"cure": "task_arithmetic"}, 1 / 3),
        ({"cure": "task_arithmetic", "options.scale": 0.5}, 4 / 3),
        ({"cure": "task_arithmetic", "options.weights": [1.0, 0.0, 0.0]}, 1),
        ({"cure": "ties"}, 1),
        ({"cure": "of another package"}, 1),
        ({"cure": "merge", "options.of_a_later_version": 1}, 1),
    ],
)
def test_a_sum_of_trainings_varies_more_than_their_mean(fake: Fake, recipe: dict[str, Any], worth: float) -> None:
    """One model of three seeds has Σ wᵢ² of the variance of one, also where it is cured further."""
    first, _ = _variants(fake)
    tuned = next(entry for entry in fake.entries if entry.name == first)
    made = replace(_cure(tuned, "made", first, seeds=1), recipe=recipe)
    mapped = replace(_cure(tuned, "mapped", "made", seeds=1), recipe={"cure": "fusion"})
    known = trainings((*fake.entries, made, mapped))
    assert [known.averaged.get(name, 1) for name in ("made", "mapped")] == pytest.approx([worth, worth])
    random = [np.random.default_rng(1) for _ in range(2)]
    reach = [
        float(np.std(deviations("made", np.zeros(1), noise=one.on("InDomain0"), random=each, resamples=20_000)))  # type: ignore[arg-type]
        for one, each in zip((known, replace(known, averaged={})), random, strict=True)
    ]
    assert reach[0] == pytest.approx(reach[1] / np.sqrt(worth))


def test_a_single_pair_does_not_show_what_both_have_of_a_training(fake: Fake) -> None:
    """With one seed a cure is not compared training by training: the noise of siblings would cancel out."""
    first, _ = _variants(fake)
    entries = _with_single(fake, first)
    tuned = next(entry for entry in entries if entry.name == first)
    cure = _cure(tuned, "cure", first)
    pair = ComparedPair(
        _side("before", tuned, _set(fake, entries)),
        _side("after", cure, _set(fake, entries)),
        fake.model_set,
        SimpleNamespace(suite=fake.suite),  # type: ignore[arg-type]
        POLICY,
        trainings((*entries, cure)),
    )
    assert pair.trainings.origins == {}
    assert all(column.verdict.delta.interval.low < 0 for column in compare(pair).columns.values())
