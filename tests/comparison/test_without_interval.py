"""Figures without an interval: each costs its interval and its verdict, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tcmbench.boards.build import Options, build
from tcmbench.boards.render import WRITERS
from tcmbench.comparison import baseline, pairs, regression
from tcmbench.comparison.measured import measured_set
from tcmbench.comparison.reference import AgainstReference
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.stats import gate_evidence
from tcmbench.stats.resampling import Resampling
from tests.boards.fake import Shape, make
from tests.comparison.states import POLICIES, POLICY, with_values

if TYPE_CHECKING:
    from tcmbench.boards.table import Table
    from tcmbench.comparison.measured import MeasuredSet
    from tests.boards.fake import Fake

VARIANT = "random-full-00"
COLUMN = "General2"
FEW = "1 cluster"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """A set in which all items of one general task are of one patient."""
    made = make(tmp_path_factory.mktemp("scores"), Shape(variants=1, columns=5, items=60, seeds=2, broken=False))
    for entry in made.entries:
        for score in entry.scores[COLUMN]:
            table = score.items()
            place = table.column_names.index("cluster")
            table = table.set_column(place, "cluster", pa.array(["patient-1"] * table.num_rows))
            pq.write_table(table, score.folder / "items.parquet")
    return made


@pytest.fixture(scope="module")
def measured(fake: Fake) -> MeasuredSet:
    """The same, read."""
    return measured_set(fake.model_set, fake.suite, fake.entries)


@pytest.fixture(scope="module")
def table(fake: Fake) -> Table:
    """Its board."""
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def test_the_cell_keeps_its_figure_and_says_why_it_has_no_interval(table: Table, measured: MeasuredSet) -> None:
    """Score and difference are there, interval, p value and verdict are not; all other columns are as ever."""
    model = measured.model(VARIANT)
    assert model is not None
    cell = table.row(VARIANT).cells[COLUMN]
    assert (cell.status, cell.verdict, cell.p_value) == ("measured", None, None)
    assert cell.score is not None
    assert cell.delta is not None
    assert (cell.score.value, cell.score.low, cell.delta.low) == (pytest.approx(model.points(COLUMN)), None, None)
    assert cell.reason.en.startswith("no interval, so no verdict: ")
    assert FEW in cell.reason.en
    assert cell.reason.zh.startswith("没有置信区间")
    others = [other for name, other in table.row(VARIANT).cells.items() if name != COLUMN]
    assert all(other.score and other.score.low is not None and other.verdict for other in others)
    assert all(not other.reason.en for other in others)


def test_every_format_of_the_board_shows_it(table: Table) -> None:
    """The reason is in all of them."""
    for name, render in WRITERS.items():
        assert FEW in render(table), name


def test_the_gate_says_that_it_cannot_judge(measured: MeasuredSet, table: Table) -> None:
    """Exit code 2: neither a pass nor a regression; board and gate give the same reason, once."""
    verdict = AgainstReference(measured, policy=POLICY).judge(VARIANT)
    assert (verdict.outcome, verdict.exit_code, verdict.passed) == ("missing", 2, False)
    assert [(f.rule, f.column, f.level) for f in verdict.findings if f.column == COLUMN] == [
        ("unjudged", COLUMN, "error")
    ]
    assert verdict.mean_change("general") is None
    assert verdict.mean_change("in_domain") is not None
    row = table.row(VARIANT)
    assert row.gate is not None
    assert (row.gate.outcome, row.gate.passed) == ("missing", False)
    assert sum(FEW in reason.en for reason in row.gate.reasons) == 1


def test_a_policy_that_leaves_the_column_out_can_judge(measured: MeasuredSet) -> None:
    """The column is a warning then."""
    names = tuple(column.column for column in measured.columns if column.column != COLUMN)
    policy = POLICY.model_copy(update={"required_tasks": names, "margin": 100.0, "required_gain": None})
    verdict = AgainstReference(measured, policy=policy).judge(VARIANT)
    assert verdict.exit_code == 0
    assert [(f.rule, f.level) for f in verdict.findings] == [("unjudged", "warning")]


def test_equal_values_pass_against_the_baseline_and_others_cannot_be_judged(measured: MeasuredSet) -> None:
    """A difference of exactly nothing needs no interval."""
    kept = baseline.make(measured, policy=POLICIES.baseline)
    same = regression.judge(measured, kept, policies=POLICIES, where="f")
    assert {verdict.exit_code for verdict in same} == {0}
    moved = with_values(measured, VARIANT, COLUMN, lambda values: values * 0.5)
    (verdict,) = [v for v in regression.judge(moved, kept, policies=POLICIES, where="f") if v.name == VARIANT]
    assert (verdict.outcome, verdict.exit_code) == ("missing", 2)
    assert [finding.rule for finding in verdict.findings] == ["unjudged"]


def test_a_comparison_leaves_it_out_with_the_reason(measured: MeasuredSet, fake: Fake) -> None:
    """The other columns are compared."""
    model, base = measured.model(VARIANT), measured.model("mini-zh")
    assert model is not None
    assert base is not None
    before, after = (
        pairs.Side(m.name, m.items, {c: m.metric(c) for c in m.items}, {}, frozenset(), {}) for m in (base, model)
    )
    planned = PlannedSuite(fake.suite, {}, {})
    compared = pairs.compare(pairs.ComparedPair(before, after, fake.model_set, planned, POLICY))
    assert list(compared.skipped) == [COLUMN]
    assert FEW in compared.skipped[COLUMN]
    assert len(compared.columns) == len(measured.columns) - 1


def test_few_positives_cost_all_models_the_interval() -> None:
    """Average precision with 3 positives of 200 has no value in 1 of 20 resamples."""
    gold = np.array([1.0] * 3 + [0.0] * 197)
    rng = np.random.default_rng(0)
    items = _items({"a": rng.random(200), "b": rng.random(200)}, "average_precision", gold)
    resampled = gate_evidence.resample(items, reference="a", plan=Resampling(n_resamples=1_000))
    assert list(resampled.without_interval) == ["b"]
    assert "of 1000 resamples have no value" in resampled.without_interval["b"]
    assert resampled.draws.value("b") > 0


def test_one_model_of_nearly_equal_values_costs_no_other_its_interval() -> None:
    """Spearman's correlation of values of which one differs has no value where that one isn't drawn."""
    rng = np.random.default_rng(0)
    gold, flat = rng.random(50), np.zeros(50)
    flat[0] = 1.0
    items = _items({"a": rng.random(50), "b": rng.random(50), "flat": flat}, "spearman", gold)
    resampled = gate_evidence.resample(items, reference="a", plan=Resampling(n_resamples=1_000))
    assert list(resampled.without_interval) == ["flat"]
    assert resampled.evidence("b").p_value <= 1


def _items(models: dict[str, np.ndarray], statistic: str, gold: np.ndarray) -> gate_evidence.TaskItems:
    return gate_evidence.TaskItems(task="T", role="general", metric="m", models=models, statistic=statistic, gold=gold)
