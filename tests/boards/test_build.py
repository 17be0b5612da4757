"""From scores to the table: what is compared, what is marked, what is recommended."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench import plugins
from tcmbench.boards.answer import as_text
from tcmbench.boards.build import build
from tcmbench.boards.cells import Difference
from tcmbench.boards.columns import NOT_TRAINED, gate_figure, nothing, rank
from tcmbench.boards.html import to_html
from tcmbench.boards.latex import to_latex
from tcmbench.boards.markdown import to_markdown
from tcmbench.boards.options import Options
from tcmbench.boards.recommend import recommend
from tcmbench.boards.summary import to_text
from tcmbench.boards.texts import Text
from tcmbench.errors import NotComparable, ScoreMissing
from tcmbench.records.entry import CellState, Entry
from tcmbench.records.reason import Reason
from tcmbench.specs.suite import Suite

from .fake import POLICIES, write_score
from .three_tasks import OPTIONS, SET, SUITE, TASKS, entry, scored, scores, table

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plain_gain_ships(tmp_path: Path) -> None:
    """A variant that gains in domain and keeps the rest is recommended; its gain has an interval above zero."""
    built = table(tmp_path, entry(tmp_path, "good", in_domain=0.15))
    row = built.row("good")
    assert built.recommendation.outcome == "ship"
    assert built.recommendation.row == "good"
    assert row.gate is not None
    assert row.gate.outcome == "pass"
    assert row.aggregates.in_domain is not None
    assert row.aggregates.in_domain.low is not None
    assert 0 < row.aggregates.in_domain.low < row.aggregates.in_domain.value
    assert row.cells["InDomain0"].verdict == "improved"
    assert row.cells["InDomain0"].best


def test_what_forgets_is_not_recommended(tmp_path: Path) -> None:
    """The variant that gains most but forgets loses to one that gains less and keeps."""
    forgets = entry(tmp_path, "forgets", in_domain=0.25, general=-0.2)
    built = table(tmp_path, forgets, entry(tmp_path, "keeps", in_domain=0.12))
    assert built.recommendation.row == "keeps"
    assert built.row("forgets").gate is not None
    assert built.row("forgets").cells["General2"].verdict == "regressed"
    alone = table(tmp_path, forgets)
    assert (alone.recommendation.outcome, alone.recommendation.row) == ("none_safe", "forgets")


def test_the_gate_tells_the_board_in_both_languages(tmp_path: Path) -> None:
    """A variant that forgets has its reasons in English and in Chinese, with the same figures."""
    row = table(tmp_path, entry(tmp_path, "forgets", in_domain=0.25, general=-0.2)).row("forgets")
    assert row.gate is not None
    both = row.gate.reasons[0]
    assert both.en.startswith("Forgetting (BWT) is ")
    assert both.zh.startswith("遗忘（BWT）为 ")
    assert both.en.split()[3] in both.zh


def test_a_gain_below_the_required_one_is_no_regression(tmp_path: Path) -> None:
    """A variant that forgets nothing and gains too little is called that, and the advice is not to forget less."""
    strict = POLICIES._replace(reference=POLICIES.reference.model_copy(update={"required_gain": 20.0}))
    entries = [entry(tmp_path, "base", kind="base"), entry(tmp_path, "small", in_domain=0.1)]
    built = build(SET, SUITE, entries, options=Options(policies=strict))
    gate = built.row("small").gate
    assert gate is not None
    assert (gate.outcome, gate.passed) == ("too_little_gain", False)
    assert gate_figure(gate).text == Text("too little gain", "增益不足")
    assert built.recommendation.outcome == "too_little_gain"
    assert as_text(built).en == (
        "No variant gains enough yet. Largest significant gain, but no larger than the gate requires: small."
    )
    assert " too little gain " in to_text(built)


def test_every_interval_has_the_level_of_the_policy(tmp_path: Path) -> None:
    """Of scores, differences and slices alike; and all that a reader sees names that level."""
    at = {
        alpha: build(
            SET,
            SUITE,
            [entry(tmp_path, "base", kind="base"), entry(tmp_path, "other", in_domain=0.1, noise=0.3)],
            options=Options(
                policies=POLICIES._replace(reference=POLICIES.reference.model_copy(update={"alpha": alpha}))
            ),
        )
        for alpha in (0.05, 0.2)
    }
    narrow, wide = (table.row("other").cells["InDomain0"] for table in (at[0.2], at[0.05]))
    for part in ("score", "delta"):
        inner, outer = getattr(narrow, part), getattr(wide, part)
        assert inner.high - inner.low < 0.8 * (outer.high - outer.low)
    for written in (to_html(at[0.2]), to_latex(at[0.2]), to_markdown(at[0.2])):
        assert "80" in written
        assert not re.search(r"95\\?%", written.partition('id="data"')[0])


def test_no_gain_is_said(tmp_path: Path) -> None:
    """A variant equal to the base is not recommended, and its figures are zero rather than invented."""
    same = replace(entry(tmp_path, "base", kind="base"), name="same", kind="variant")
    built = table(tmp_path, same)
    assert built.recommendation.outcome == "no_gain"
    assert built.row("same").aggregates.general == Difference(0.0, 0.0, 0.0, "unchanged")


def test_missing_scores_leave_sums_empty(tmp_path: Path) -> None:
    """Without one general score there is no backward transfer, the gate says missing, and nothing ships."""
    whole = entry(tmp_path, "part", in_domain=0.2)
    part = replace(
        whole,
        scores={name: found for name, found in whole.scores.items() if name != "General2"},
        states={"General2": CellState("failed", Reason.message("the disk was full"))},
    )
    built = table(tmp_path, part)
    row = built.row("part")
    assert row.aggregates.general is None
    assert row.aggregates.in_domain is not None
    assert (row.cells["General2"].status, row.cells["General2"].score) == ("failed", None)
    assert row.cells["General2"].reason.en == "the disk was full"
    assert row.gate is not None
    assert row.gate.outcome == "missing"
    assert built.recommendation.outcome == "incomplete"


def test_a_missing_gain_is_not_taken_from_another_role(tmp_path: Path) -> None:
    """A variant without its in-domain score has no gain: it is behind those that have one, unranked, on no front."""
    lost = entry(tmp_path, "lost", in_domain=0.1, held_out=0.3)
    lost = replace(lost, scores={name: found for name, found in lost.scores.items() if name != "InDomain0"})
    built = table(tmp_path, entry(tmp_path, "gains", in_domain=0.1), lost)
    assert [row.name for row in built.rows] == ["base", "gains", "lost"]
    sums = built.row("lost").aggregates
    assert sums.held_out is not None
    assert (sums.gain, sums.ranks, sums.on_front) == (None, None, False)
    assert built.row("gains").aggregates.on_front


def test_held_out_counts_where_nothing_is_in_domain(tmp_path: Path) -> None:
    """A suite without in_domain tasks has its gain over the held_out ones, but the gate asks for more."""
    suite = Suite(name="three", tasks=TASKS[1:])
    entries = [entry(tmp_path, "base", kind="base"), entry(tmp_path, "good", held_out=0.1)]
    entries = [replace(e, scores={t.column: e.scores[t.column] for t in suite.tasks}) for e in entries]
    row = build(SET, suite, entries, options=OPTIONS).row("good")
    assert row.aggregates.gain == row.aggregates.held_out
    assert row.aggregates.ranks == (1, 1)
    assert row.gate is not None
    assert [reason.en for reason in row.gate.reasons if "required_gain" in reason.en]


def test_a_gain_over_a_part_comes_after_those_over_all(tmp_path: Path) -> None:
    """The larger mean of fewer tasks is not recommended before the smaller one of all."""
    built = table(tmp_path, entry(tmp_path, "more", in_domain=0.2), entry(tmp_path, "less", in_domain=0.1))
    assert built.recommendation.row == "more"
    part = replace(built.row("more").aggregates, partial=frozenset({"in_domain"}))
    rows = [replace(row, aggregates=part) if row.name == "more" else row for row in built.rows]
    assert recommend(rows, gain_tied=lambda *_: False, all_tied=lambda *_: False).row == "less"


def test_a_missing_reference_is_not_the_variants_fault(tmp_path: Path) -> None:
    """The gate's reason names the reference where the variant was measured."""
    base = entry(tmp_path, "base", kind="base")
    base = replace(base, scores={name: found for name, found in base.scores.items() if name != "General2"})
    row = build(SET, SUITE, [base, entry(tmp_path, "good", in_domain=0.1)], options=OPTIONS).row("good")
    assert row.cells["General2"].score is not None
    assert row.gate is not None
    assert row.gate.outcome == "missing"
    assert row.gate.reasons[0].en.startswith("General2: the reference was not measured")


@pytest.mark.parametrize(("ranks", "shown", "value"), [((1, 2), "1–2", 1.0), ((3, 3), "3", 3.0), (None, "–", None)])
def test_ranks_are_shown_as_a_range(
    tmp_path: Path, ranks: tuple[int, int] | None, shown: str, value: float | None
) -> None:
    """One number where best and worst rank are the same, a dash with a reason where there is none."""
    row = table(tmp_path, entry(tmp_path, "good", in_domain=0.1)).row("good")
    found = rank.figure(replace(row, aggregates=replace(row.aggregates, ranks=ranks)))
    assert (found.text.en, found.value) == (shown, value)
    assert bool(found.note.en) == (ranks is None)


def test_a_cell_without_a_word_still_has_a_reason(tmp_path: Path) -> None:
    """A score without a state is not measured, with a reason; a failed model is failed on all columns."""
    built = table(
        tmp_path,
        Entry(name="silent", title="silent", kind="variant"),
        Entry(name="broken", title="broken", kind="variant", failure="no such base"),
    )
    assert {cell.status for cell in built.row("silent").cells.values()} == {"not_measured"}
    assert all(cell.reason.en for cell in built.row("silent").cells.values())
    assert {(c.status, c.reason.en) for c in built.row("broken").cells.values()} == {("failed", "no such base")}


def test_ties_are_marked(tmp_path: Path) -> None:
    """Two variants that differ by noise are tied with the best; a clearly lower one is not."""
    built = table(tmp_path, entry(tmp_path, "one", in_domain=0.15), entry(tmp_path, "other", in_domain=0.15))
    cells = [built.row(name).cells["InDomain0"] for name in ("one", "other")]
    assert sorted((cell.best, cell.tied) for cell in cells) in ([(False, True), (True, False)], [(True, False)] * 2)
    assert not built.row("base").cells["InDomain0"].tied


def test_rows_that_cannot_be_told_apart_share_ranks(tmp_path: Path) -> None:
    """A significant gain ranks above the reference; two variants that differ by less than their noise are tied."""
    entries = [
        entry(tmp_path, "base", kind="base"),
        entry(tmp_path, "better", in_domain=0.1),
        entry(tmp_path, "as good", in_domain=0.1),
        Entry(name="half", title="half", kind="variant", scores=dict([*scores(tmp_path, "half", {}).items()][1:])),
    ]
    table = build(SET, SUITE, entries, options=OPTIONS)
    assert {row.name: row.aggregates.ranks for row in table.rows} == {
        "base": (3, 3),
        "better": (1, 2),
        "as good": (1, 2),
        "half": None,
    }


def test_other_data_is_refused(tmp_path: Path) -> None:
    """Scores of another revision, or of other items under one revision, are not put side by side."""
    good = entry(tmp_path, "good", in_domain=0.1)
    score = good.scores["InDomain0"][0]
    other = replace(score, record=score.record.model_copy(update={"task_revision": "r2"}))
    with pytest.raises(NotComparable, match="column InDomain0: expected one revision"):
        table(tmp_path, replace(good, scores={**good.scores, "InDomain0": (other,)}))
    fewer = write_score(tmp_path / "fewer", model="good", task=TASKS[0], values=np.full(10, 0.5), gold=np.full(10, 0.5))
    with pytest.raises(NotComparable, match="10 items"):
        table(tmp_path, replace(good, scores={**good.scores, "InDomain0": (fewer,)}))


def test_reference_must_be_there(tmp_path: Path) -> None:
    """A board without its reference is an error that names it."""
    with pytest.raises(ScoreMissing, match="'base'"):
        build(SET, SUITE, [entry(tmp_path, "good")], options=OPTIONS)


def test_digest_depends_on_scores_alone(tmp_path: Path) -> None:
    """Titles don't change the result's name; a score does."""
    good = entry(tmp_path, "good", in_domain=0.1)
    name = table(tmp_path, good).digest
    assert table(tmp_path, replace(good, title="Another title")).digest == name
    assert table(tmp_path / "b", entry(tmp_path / "b", "good", in_domain=0.2)).digest != name


def test_deltas_agree_with_scores(tmp_path: Path) -> None:
    """The difference of a cell is its score minus the reference's, in points."""
    built = table(tmp_path, entry(tmp_path, "good", in_domain=0.15, general=-0.05))
    for column in built.columns:
        cell, base = built.row("good").cells[column.name], built.row("base").cells[column.name]
        assert cell.score is not None
        assert base.score is not None
        assert cell.delta is not None
        assert cell.delta.value == pytest.approx(cell.score.value - base.score.value, abs=1e-9)
        assert cell.score.value == pytest.approx(100 * sum(cell.seed_values) / 100 / len(cell.seed_values), abs=1e-9)


def test_what_was_not_trained_has_forgotten_nothing(tmp_path: Path) -> None:
    """No backward transfer, worst task, retention or share of items, in any column; its gain is shown."""
    row = table(tmp_path, scored(tmp_path, "bm25", "baseline", in_domain=0.1, general=-0.2)).row("bm25")
    sums = row.aggregates
    assert sums.in_domain is not None
    assert (sums.general, sums.worst_delta, sums.retention, sums.worse_share) == (None, None, None, None)
    for name in ("forgetting", "worst_task", "retention", "worse_share"):
        assert plugins.load("columns", name).figure(row) == nothing(NOT_TRAINED)


def test_the_only_task_of_a_role_is_no_member_of_the_family(tmp_path: Path) -> None:
    """Three tasks in three roles: each is its role's question, decided by its interval, whatever the others are."""
    row = table(tmp_path, entry(tmp_path, "good", in_domain=0.15)).row("good")
    assert row.aggregates.in_domain == row.cells["InDomain0"].delta
    assert row.aggregates.held_out == row.cells["HeldOut1"].delta
