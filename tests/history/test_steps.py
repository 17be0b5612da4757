"""The change of a row from one state to the next, and what it is put down to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.evaluation import evaluate
from tcmbench.history.states import state_of
from tcmbench.history.steps import BEST, HistoryStep, steps
from tcmbench.records.entry import Entry
from tcmbench.records.score import Score
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.store import write_json
from tcmbench.workspace import Workspace, find
from tests.boards.fake import POLICIES, write_score

if TYPE_CHECKING:
    from tcmbench.history.log import RunState

TASKS = (SuiteTask(task="In0", role="in_domain"), SuiteTask(task="General1", role="general"))
SUITE = Suite(name="suite", tasks=TASKS)
SET = ModelSet(name="set", suite="suite", reference="base", models=("base",))
ITEMS = 80


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A folder that is no repository, with an empty store."""
    return find(tmp_path, cache=tmp_path / "store")


def measured(place: Workspace, model: str, *, shift: float = 0.0, revision: str = "r1") -> dict[str, Score]:
    """Store the scores of a model that is better than the base by a shift, and return them."""
    scores = {}
    for task in TASKS:
        quality, gold = np.random.default_rng(7).random((2, ITEMS))
        noise = np.random.default_rng(len(model)).random(ITEMS) - 0.5
        values = 0.5 * quality + 0.3 * gold + 0.1 + shift + 0.05 * noise
        key = evaluate._key(f"{model}-revision", task.task, revision, task.split, task.subset)
        with place.store.build(evaluate.KIND, key) as part:
            score = write_score(part, model=model, task=task, values=values, gold=gold, revision=revision)
            write_json(part / "score.json", score.record.model_dump(mode="json"))
        scores[task.column] = Score(score.record, place.store.path(evaluate.KIND, key))
    return scores


def state(commit: str, rows: dict[str, tuple[dict[str, Score], ...]], *, recipe: int = 0) -> RunState:
    """Return a state of rows with one or several seeds."""
    entries = [
        Entry(
            name=name,
            title=name,
            kind="base" if name == "base" else "variant",
            recipe={"learning_rate": recipe},
            scores={task.column: tuple(seed[task.column] for seed in seeds) for task in TASKS},
        )
        for name, seeds in rows.items()
    ]
    return state_of(SET, SUITE, entries, commit=commit)


def last(place: Workspace, before: RunState, after: RunState, *, row: str) -> HistoryStep:
    """Return the second of two steps."""
    return steps(place, SET, [before, after], row=row, policy=POLICIES.reference, greens={})[1]


def test_a_loss_is_significant_and_has_its_causes(place: Workspace) -> None:
    """The recipe and with it both models are others; a change between two seeds covers the noise of training."""
    good = tuple(measured(place, name, shift=0.1) for name in ("good", "fine!"))
    bad = tuple(measured(place, name, shift=-0.2) for name in ("bad", "worse"))
    step = last(place, state("a", {"tuned": good}), state("b", {"tuned": bad}, recipe=1), row="tuned")
    assert [cause.kind for cause in step.causes] == ["recipe", "model"]
    assert {"in_domain", "In0"} & set(step.regressed)
    change = step.columns["In0"].change
    assert change is not None
    assert change.interval.high < 0
    assert step.mean_changes["in_domain"].value == pytest.approx(change.value)
    assert step.commits is None, "outside git"


def test_a_row_whose_scores_are_equal_changes_by_exactly_zero(place: Workspace) -> None:
    """Also with several seeds, whose noise would otherwise count twice; a touched file is still named."""
    seeds = tuple(measured(place, name) for name in ("one", "other"))
    step = last(place, state("a", {"tuned": seeds}), state("b", {"tuned": seeds}, recipe=1), row="tuned")
    assert [cause.kind for cause in step.causes] == ["recipe"]
    assert [
        (column.change.value, *column.change.interval[:2]) for column in step.columns.values() if column.change
    ] == [
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
    ]
    assert (step.regressed, step.improved) == ((), ())


def test_intervals_alone_are_no_change(place: Workspace) -> None:
    """The same scores with other resamples are the same state of the row."""
    before = state("a", {"base": (measured(place, "base"),)})
    model = before.models["base"]
    moved = {column: score._replace(low=0.0, high=1.0) for column, score in model.scores.items()}
    models = {"base": model.model_copy(update={"scores": moved})}
    after = before.model_copy(update={"commit": "b", "models": models})
    assert last(place, before, after, row="base").is_changed is False


def test_changed_data_is_the_cause_and_is_not_compared(place: Workspace) -> None:
    """Both scores are shown, and no difference between them."""
    before = state("a", {"base": (measured(place, "base"),)})
    after = state("b", {"base": (measured(place, "base", shift=-0.3, revision="r2"),)})
    step = last(place, before, after, row="base")
    assert [cause.kind for cause in step.causes] == ["data", "data"]
    assert [column.change for column in step.columns.values()] == [None, None]
    assert all("not comparable" in column.note for column in step.columns.values())
    assert step.regressed == ()


def test_another_best_row_is_named(place: Workspace) -> None:
    """The change is then between two models."""
    base, tuned = measured(place, "base"), measured(place, "tuned", shift=0.2)
    step = last(place, state("a", {"base": (base,)}), state("b", {"base": (base,), "tuned": (tuned,)}), row=BEST)
    assert (step.row, step.causes[0].what) == ("tuned", "the best row was base, now it is tuned")
    assert "In0" in step.improved or "in_domain" in step.improved
