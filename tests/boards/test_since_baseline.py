"""The board's second question: did anything get worse since the baseline?"""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.boards.build import Options, build
from tcmbench.boards.columns import since_baseline
from tcmbench.boards.html import to_html
from tcmbench.boards.table import Since
from tcmbench.boards.texts import text
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import regression
from tests.comparison.states import POLICIES, POLICY, state, with_values

if TYPE_CHECKING:
    from tcmbench.boards.table import Table
    from tcmbench.comparison.baseline import Baseline
    from tcmbench.comparison.measured import MeasuredSet

FELL, NEW = "random-full-00", "bm25-lora-01"
FILE = "leaderboards/fake/baseline.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with two variants."""
    return state(tmp_path_factory.mktemp("scores"), variants=2)


@pytest.fixture(scope="module")
def kept(whole: MeasuredSet) -> Baseline:
    """A baseline in which one variant was better, another was not there yet, and a model stood that has left."""
    better = with_values(whole, FELL, "HeldOut1", lambda values: np.minimum(values + 30, 100))
    kept = baselines.make(better, policy=POLICY)
    models = {name: model for name, model in kept.models.items() if name != NEW} | {"left": kept.models["mini-zh"]}
    return kept.model_copy(update={"models": models, "values": {**kept.values, "left": kept.values["mini-zh"]}})


def board(whole: MeasuredSet, kept: Baseline | None) -> Table:
    """Return the board of the set with a baseline."""
    options = Options(policies=POLICIES, baseline=kept, baseline_file=FILE if kept else "")
    return build(whole.model_set, whole.suite, [model.entry for model in whole.models], options=options)


@pytest.fixture(scope="module")
def table(whole: MeasuredSet, kept: Baseline) -> Table:
    """The board."""
    return board(whole, kept)


def test_the_board_says_what_the_gate_says(whole: MeasuredSet, kept: Baseline, table: Table) -> None:
    """Of every model with a row in the baseline, outcome and reasons are the gate's."""
    verdicts = regression.judge(whole, kept, policies=POLICIES, where=FILE)
    judged = {v.name: v for v in verdicts if v.against == "baseline"}
    for row in table.rows:
        assert (row.since_baseline is None) == (row.name not in judged)
        if row.since_baseline is not None:
            verdict = judged[row.name]
            assert row.since_baseline.outcome == verdict.outcome
            assert [reason.en for reason in row.since_baseline.reasons] == [f.message for f in verdict.findings]
    assert {row.name for row in table.rows if row.since_baseline is None} == {NEW}


def test_the_answer_names_models_that_fell_and_models_that_left(table: Table) -> None:
    """Both fail the gate; models with exactly the same scores are counted."""
    assert table.since_baseline == Since((FELL, "left"), models=4, unchanged=2)
    page = unescape(to_html(table))
    assert text("answer.since_fail", failing="2", models="4").en in page
    assert FILE in page


def test_the_column_has_a_word_for_every_outcome(table: Table) -> None:
    """Unchanged scores, a change that passes and a model without a row are distinguished."""
    shown = {row.name: since_baseline.figure(row).text.en for row in table.rows}
    assert (shown["mini-zh"], shown[FELL], shown[NEW]) == ("same", "fails", "–")


def test_without_a_baseline_nothing_is_said(whole: MeasuredSet) -> None:
    """Neither in the answer nor in the column."""
    table = board(whole, None)
    assert table.since_baseline is None
    assert text("answer.since").en not in unescape(to_html(table))
    assert {since_baseline.figure(row).value for row in table.rows} == {None}


def test_the_page_says_which_policy_it_was_judged_by(whole: MeasuredSet) -> None:
    """The path of the file, where it is not the default."""
    options = Options(policies=POLICIES._replace(source="policies/lenient.toml"))
    entries = [model.entry for model in whole.models]
    page = to_html(build(whole.model_set, whole.suite, entries, options=options))
    assert "<code>policies/lenient.toml</code>" in page
