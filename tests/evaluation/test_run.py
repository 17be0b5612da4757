"""One model on the columns of a suite, beside other processes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench import models, tasks
from tcmbench.encoders.runtime import batches
from tcmbench.errors import DataAbsent
from tcmbench.evaluation import evaluate, run
from tcmbench.records.events import Encoding, MeasuringStarted, ScoreMeasured
from tcmbench.specs.suite import Suite, SuiteTask

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tcmbench.records.events import Event
    from tcmbench.workspace import Workspace

SUITE = Suite(
    name="pair", tasks=tuple(SuiteTask(task=name, role="general") for name in ("TinySTS", "TinyPairs", "TinyQA"))
)


def test_what_another_process_measures_comes_last(tiny: Workspace, tmp_path: Path) -> None:
    """The others are measured first, then it is waited for; the events say which column is under way."""
    place = replace(tiny, cache=tmp_path)
    model, planned = models.base_model(place, "random"), tasks.plan_suite(place, SUITE)
    events: list[Event] = []
    with ExitStack() as held:
        held.enter_context(place.store.lock(evaluate.KIND, run.key_of(model, SUITE.tasks[0], planned)))

        def emit(event: Event) -> None:
            events.append(event)
            if event == MeasuringStarted("random", "TinySTS"):
                held.close()

        run.measure(place, model, SUITE.tasks, planned, emit=emit)
    begun = [event.column for event in events if isinstance(event, MeasuringStarted)]
    assert begun == ["TinyPairs", "TinyQA", "TinySTS"]
    values = {event.column: event.value for event in events if isinstance(event, ScoreMeasured)}
    cells = run.read(place, model, planned)
    assert values == {column: score.record.value for column, score in cells.scores.items()}
    assert run.missing(place, model, planned) == ()


def test_texts_are_counted_while_they_are_encoded(
    tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each list from nothing to all, in texts and tokens; cached ones aren't counted, and nothing is emitted later."""
    monkeypatch.setattr(batches, "_REPORT_SECONDS", 0.0)
    place = replace(tiny, cache=tmp_path)
    model, planned = models.base_model(place, "mini-zh-static"), tasks.plan_suite(place, SUITE)
    loaded = models.load(model, cache=place.cache)
    events: list[Event] = []
    run.measure(place, model, SUITE.tasks, planned, emit=events.append, loaded=loaded)
    encoded = [event for event in events if isinstance(event, Encoding)]
    assert {event.column for event in encoded} >= {"TinySTS", "TinyQA"}
    assert all(0 < event.done <= event.total and 0 < event.tokens_done <= event.tokens for event in encoded)
    last = [event for event in encoded if event.done == event.total]
    assert all(event.tokens_done == event.tokens for event in last)
    assert sum(event.total for event in last) == loaded.encoded_texts
    count = len(events)
    loaded.encode_list(["a text that nobody measures"])
    assert len(events) == count


def test_a_stored_score_is_not_measured_again(tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited for another process reads what that one stored."""
    place = replace(tiny, cache=tmp_path)
    model, task = models.base_model(place, "random"), tasks.resolve(place, "TinySTS")
    loaded = models.load(model, cache=place.cache)
    first = evaluate.measure(place, model, loaded, task, split="test", subset="default")
    monkeypatch.setattr(evaluate, "_through_mteb", None)
    again = evaluate.measure(place, model, loaded, task, split="test", subset="default")
    assert again == first


def test_absent_data_is_told_apart_from_a_failure_and_tried_again(
    tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that mteb would fetch may be there the next time: the column stays missing, and its cell says why."""
    place = replace(tiny, cache=tmp_path)
    model, planned = models.base_model(place, "random"), tasks.plan_suite(place, SUITE)

    def absent(*_: object, **__: object) -> None:
        raise DataAbsent(tmp_path / "hub", what="Data of mteb's task", how="Fetch it.")

    monkeypatch.setattr(evaluate, "_through_mteb", absent)
    run.measure(place, model, SUITE.tasks[:1], planned, emit=lambda _: None)
    state = run.read(place, model, planned).states["TinySTS"]
    assert state.state == "not_measured"
    assert "Fetch it." in str(state.reason)
    assert run.missing(place, model, planned) == SUITE.tasks
    monkeypatch.undo()
    run.measure(place, model, SUITE.tasks[:1], planned, emit=lambda _: None)
    assert set(run.read(place, model, planned).scores) == {"TinySTS"}
