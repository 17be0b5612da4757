"""A search from its space to its outcome, with simulated trials."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from tcmbench.errors import MissingExtra, ScoreMissing, SpecError, StoreError
from tcmbench.records.search import Change, HalfFigures
from tcmbench.searches import study as studies
from tcmbench.searches.report import to_text
from tcmbench.searches.trials import Bench
from tcmbench.specs.space import SearchSpace
from tests.searches.simulated import figures_of, run, simulated

if TYPE_CHECKING:
    from tcmbench.specs.space import Proposal
    from tcmbench.stats.halves import Half
    from tcmbench.workspace import Workspace

REPOSITORY = Path(__file__).parents[2]


def test_the_best_recipe_that_passes_is_selected_and_confirmed(place: Workspace, space: SearchSpace) -> None:
    """Those with more gain fail the gate; the winner's figures are those of the other half, with new seeds."""
    with simulated():
        outcome = run(place, space.model_copy(update={"seeds": 3})).outcome
    passing = [t for t in outcome.trials if t.state == "passed" and t.selection and t.selection.gain]
    best = max(passing, key=lambda t: t.selection.gain.value if t.selection and t.selection.gain else 0.0)
    assert len(outcome.trials) == 14
    assert outcome.winner == best.number
    assert any(t.state == "refused" and t.parameters["training.learning_rate"] > 1e-2 for t in outcome.trials)  # type: ignore[operator]
    assert outcome.outcome == "confirmed"
    assert (outcome.row, outcome.seeds, outcome.retrained) == ("small-best", (1, 2, 3), True)
    assert outcome.curse == pytest.approx(2.0)
    text = to_text(outcome)
    assert "14 of 14 recipes tried" in text
    assert "claimed by selection alone minus confirmed (winner's curse): +2.00 points of gain" in text
    assert text.endswith("CONFIRMED\n")


def test_conditional_parameters_are_chosen_where_they_apply(place: Workspace, space: SearchSpace) -> None:
    """The number of negatives is a parameter of those recipes that have negatives."""
    with simulated():
        trials = run(place, space).outcome.trials
    assert {"none", "random"} == {t.parameters["negatives"] for t in trials}
    assert all(("negatives.options.count" in t.parameters) == (t.parameters["negatives"] == "random") for t in trials)


@pytest.mark.parametrize(("fatal", "together"), [(1, 1), (8, 1), (6, 4)])
def test_a_killed_search_ends_as_one_that_was_not(
    place: Workspace, space: SearchSpace, fatal: int, together: int
) -> None:
    """After SIGKILL the same command continues: same trials, same winner, and no ended trial is measured again."""
    other = replace(place, cache=place.root / "other")
    with simulated() as all_of_them:
        whole = run(other, space, together=together).outcome
    killed = subprocess.run(
        [sys.executable, "-m", "tests.searches.simulated", str(place.root), str(fatal), str(together)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with simulated() as measured:
        resumed = run(place, space, together=together).outcome
    assert resumed == whole
    ended = max(0, fatal // 2 - 1) // together * together  # two figures per trial: of the probe, and of all columns
    assert len(measured) <= len(all_of_them) - ended


def test_a_finished_search_measures_nothing_again(place: Workspace, space: SearchSpace) -> None:
    """It is read from the study; with more trials it continues after the last one."""
    with simulated():
        first = run(place, space).outcome
    with simulated() as measured:
        assert run(place, space).outcome == first
        assert measured == []
        more = run(place, space.model_copy(update={"trials": 16})).outcome
    assert measured == ["small-t014", "small-t015"]
    assert more.trials[:14] == first.trials


def test_another_space_is_another_search(place: Workspace, space: SearchSpace) -> None:
    """A change of rules, ranges or data starts anew; one of labels or budget doesn't."""
    with simulated():
        keys = {
            name: run(place, space.model_copy(update={"trials": 1, **change})).outcome.key
            for name, change in {
                "as it is": {},
                "title": {"title": "Other"},
                "seeds": {"seeds": 2},
                "policy": {"policy": {"required_gain": 1.0, "margin": 0.5}},
                "seed": {"seed": 1},
            }.items()
        }
        train = place.data_root / "tcm-synth/train.jsonl"
        train.write_text("".join(train.read_text("utf-8").splitlines(keepends=True)[:59]), encoding="utf-8")
        keys["data"] = run(place, space.model_copy(update={"trials": 1})).outcome.key
    assert keys["as it is"] == keys["title"] == keys["seeds"]
    assert len({keys[name] for name in ("as it is", "policy", "seed", "data")}) == 4


def test_inputs_of_every_choice_are_in_the_key(place: Workspace, space: SearchSpace) -> None:
    """With other general texts, which only the last choice reads, the search is another one."""
    file = place.data_root / "texts.jsonl"
    keep = {"texts": "texts.jsonl", "distillation": 1.0, "texts_per_step": 2}
    fields = space.model_dump(exclude_unset=True) | {
        "parameters": {"training.keep": {"choices": {"none": {}, "distilled": keep}}}
    }
    both = SearchSpace.model_validate({**fields, "trials": 1})
    keys = []
    for text in ("脉浮", "脉沉"):
        file.write_text(f'{{"text": "{text}"}}\n{{"text": "舌淡"}}\n', encoding="utf-8")
        with simulated():
            keys.append(run(place, both).outcome.key)
    assert keys[0] != keys[1]


def test_more_trials_than_planned_are_all_counted(place: Workspace, space: SearchSpace) -> None:
    """A search with a smaller budget than an earlier one shows all that were tried, and says so consistently."""
    with simulated():
        run(place, space.model_copy(update={"trials": 3}))
        text = to_text(run(place, space.model_copy(update={"trials": 2})).outcome)
    assert "3 of 3 recipes tried" in text


def test_no_recipe_that_passes_is_said_with_the_nearest(place: Workspace, space: SearchSpace) -> None:
    """Nothing is compared on the confirmation half."""
    halves: list[Half] = []

    def forgetting(proposal: Proposal, half: Half) -> HalfFigures:
        halves.append(half)
        return figures_of(proposal, half, margin=0.1)

    with simulated(forgetting):
        outcome = run(place, space).outcome
    assert (outcome.outcome, outcome.winner, outcome.confirmation) == ("none_passed", None, None)
    assert set(halves) == {"selection"}
    assert outcome.selected is not None
    assert outcome.selected.selection is not None
    assert outcome.selected.selection.shortfall == min(t.selection.shortfall for t in outcome.trials if t.selection)
    assert "No recipe passes the gate on the selection half." in to_text(outcome)


def test_a_winner_that_fails_on_new_items_is_not_replaced(place: Workspace, space: SearchSpace) -> None:
    """The next best one is not tried on the confirmation half: that would be a selection on it."""

    def fading(proposal: Proposal, half: Half) -> HalfFigures:
        figures = figures_of(proposal, half)
        is_new = half == "confirmation"
        return replace(figures, passed=False, outcome="inconclusive", reasons=("unsure",)) if is_new else figures

    with simulated(fading):
        outcome = run(place, space).outcome
        again = run(place, space.model_copy(update={"trials": 30})).outcome
    assert (outcome.outcome, outcome.looks) == ("unconfirmed", 1)
    assert to_text(outcome).endswith("NOT CONFIRMED\n  unsure\n")
    # a second recipe on the same half is told
    assert again.looks == (1 if again.winner == outcome.winner else 2)


def test_new_trainings_of_the_winner_are_another_look(place: Workspace, space: SearchSpace) -> None:
    """Trying seeds until some pass is a selection on the confirmation half, and told."""
    with simulated():
        looks = [run(place, space.model_copy(update={"seeds": seeds})).outcome for seeds in (2, 2, 3, 2)]
    assert [outcome.looks for outcome in looks] == [1, 1, 2, 2]
    assert "has now judged 2 recipes or trainings" in to_text(looks[-1])


def test_what_a_cure_is_made_of_has_no_part_in_its_figures(place: Workspace, space: SearchSpace) -> None:
    """Its seeds would narrow or widen the intervals, depending on whether somebody measured it."""
    cured = space.model_copy(update={"cure": {"cure": "merge", "options": {"alpha": 0.5}}})
    proposal = cured.proposal({"training.learning_rate": 1e-3, "training.epochs": 1, "negatives": "none"}, name="t")
    score = SimpleNamespace()
    entries = [
        SimpleNamespace(name=name, scores={"x": (score,)}, states={}, failure=None)
        for name in ("mini-zh-static", "t-tuned", "t")
    ]
    planned = SimpleNamespace(suite=SimpleNamespace(tasks=()))
    bench = Bench(place, cured, planned, None, None, None)  # type: ignore[arg-type]
    with (
        mock.patch.object(Bench, "entries", return_value=entries),
        mock.patch("tcmbench.searches.figures.on") as judged,
    ):
        bench.figures(proposal, "selection")
    assert [entry.name for entry in judged.call_args.args[4]] == ["mini-zh-static", "t"]


def test_a_trial_whose_probe_lost_too_much_is_stopped(place: Workspace, space: SearchSpace) -> None:
    """It counts as tried, and its other columns are not measured."""

    def collapsing(proposal: Proposal, half: Half) -> HalfFigures:
        figures = figures_of(proposal, half)
        return figures if figures.passed else replace(figures, general=Change(-4.0, -6.0, -2.0))

    with simulated(collapsing) as measured:
        outcome = run(place, space).outcome
    assert outcome.count("stopped") > 0
    assert outcome.count("stopped") + len(measured) == 14
    stopped = next(trial for trial in outcome.trials if trial.state == "stopped")
    assert stopped.reason == "the probe's mean change -4.00 [-6.00, -2.00] lies below -1"


def test_a_failed_trial_does_not_end_the_search(place: Workspace, space: SearchSpace) -> None:
    """It has a reason and no figures, and counts as tried."""

    def failing(proposal: Proposal, half: Half) -> HalfFigures:
        if proposal.variant.name == "small-t001":
            raise ScoreMissing("failed: the loss was not finite")
        return figures_of(proposal, half)

    with simulated(failing):
        outcome = run(place, space).outcome
    assert (outcome.trials[1].state, outcome.trials[1].reason) == ("failed", "failed: the loss was not finite")
    assert len(outcome.trials) == 14
    # the next search tries it again, and no other
    with simulated() as measured:
        again = run(place, space).outcome
    assert measured == ["small-t001"]
    assert again.trials[1].state != "failed"
    assert [t.parameters for t in again.trials] == [t.parameters for t in outcome.trials]


def test_one_process_searches_a_space(place: Workspace, space: SearchSpace) -> None:
    """A second one is refused while the first runs."""
    with simulated():
        key = run(place, space.model_copy(update={"trials": 1})).outcome.key
        with place.store.lock(studies.KIND, key), pytest.raises(StoreError, match="another process"):
            run(place, space)


def test_a_damaged_study_is_told(place: Workspace, space: SearchSpace) -> None:
    """The message names the file and what is lost by deleting it."""
    with simulated():
        key = run(place, space.model_copy(update={"trials": 1})).outcome.key
        file = place.store.path(studies.KIND, key) / "study.sqlite3"
        file.write_bytes(b"no database" * 1_000)
        with pytest.raises(StoreError, match=r"study.sqlite3: expected Optuna's storage .* Delete the file"):
            run(place, space)


def test_a_search_without_optuna_names_the_extra(
    place: Workspace, space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else of tcmbench needs it."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with simulated(), pytest.raises(MissingExtra, match=r"pip install 'tcmbench\[search\]'"):
        run(place, space)


def test_a_probe_has_general_columns(place: Workspace, space: SearchSpace) -> None:
    """Gain is no reason to stop a trial, so a probe of other columns is refused."""
    wrong = space.model_copy(update={"probe": space.probe.model_copy(update={"columns": ("Tiny",)})})
    with simulated(), pytest.raises(SpecError, match=r"expected general columns of suite tiny \(TinySTS\), got Tiny"):
        run(place, wrong)
