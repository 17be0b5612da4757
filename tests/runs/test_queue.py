"""Jobs in order, and what a failure takes along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.records.events import JobFailed, JobFinished
from tcmbench.runs.job import Job, Needs
from tcmbench.runs.queue import Queue
from tcmbench.tuning import tune
from tcmbench.workspace import Workspace

if TYPE_CHECKING:
    from tcmbench.records.events import Event


def job(root: Path, key: str, *, after: str = "", gpus: int = 0) -> Job:
    """Return a training, or with `after` a measuring of its model."""
    place = Workspace(root=root, content=(root,), data_root=root, cache=root / "store")
    columns = ("Column",) if after else ()
    return Job(key, place, "set", key, 0, columns, Needs(gpus, None, 1), (after,) if after else ())


def test_what_waits_begins_when_its_training_is_done(tmp_path: Path) -> None:
    """Jobs come in the order of the set, those that can't begin yet are passed over."""
    events: list[Event] = []
    first, its, other = job(tmp_path, "first"), job(tmp_path, "its", after="first"), job(tmp_path, "other")
    queue = Queue([first, its, other], emit=events.append)
    assert [queue.take(), queue.take(), queue.take()] == [first, other, None]
    queue.settle(first, None)
    assert queue.take() == its
    assert not queue
    assert events == [JobFinished("first", "first/seed0")]


def test_a_failed_training_fails_what_waits_for_it(tmp_path: Path) -> None:
    """The model can't be measured: its job is reported as failed, with the reason of the training."""
    events: list[Event] = []
    first = job(tmp_path, "first")
    queue = Queue([first, job(tmp_path, "its", after="first"), job(tmp_path, "other")], emit=events.append)
    queue.take()
    queue.settle(first, "out of memory")
    assert events == [
        JobFailed("first", "first/seed0", "out of memory"),
        JobFailed("its", "its/seed0", "not measured, because its training failed: out of memory"),
    ]
    assert queue.take() == job(tmp_path, "other")
    assert queue.take() is None


def test_what_is_made_of_several_models_waits_for_all_and_fails_once(tmp_path: Path) -> None:
    """A cure starts after its last training; with a failed one neither it nor what is made of it or measured starts."""
    events: list[Event] = []
    one, other = job(tmp_path, "one"), job(tmp_path, "other")
    soup = replace(job(tmp_path, "soup"), after=("one", "other"), is_treated=True)
    cured_again = replace(job(tmp_path, "again"), after=("one", "soup"), is_treated=True)
    queue = Queue([one, other, soup, cured_again, job(tmp_path, "its", after="soup")], emit=events.append)
    assert [queue.take(), queue.take(), queue.take()] == [one, other, None]
    queue.settle(other, None)
    assert queue.take() is None
    queue.settle(one, "out of memory")
    assert not queue
    reason = "not made, because one/seed0 failed: out of memory"
    assert [event for event in events if isinstance(event, JobFailed)] == [
        JobFailed("one", "one/seed0", "out of memory"),
        JobFailed("soup", "soup/seed0", reason),
        JobFailed("again", "again/seed0", f"not made, because soup/seed0 failed: {reason}"),
        JobFailed("its", "its/seed0", f"not measured, because its making failed: {reason}"),
    ]


def test_what_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    """A job that needs more than is free doesn't hold up the others."""
    large, little = job(tmp_path, "large", gpus=2), job(tmp_path, "little")
    queue = Queue([large, little], emit=lambda _: None)
    assert queue.take(lambda one: one.needs.gpus < 2) == little
    assert queue.take() == large


def test_what_another_run_trains_comes_last(tmp_path: Path) -> None:
    """A second run takes other jobs first; the training of the first is then likely to be in the store."""
    taken, free = job(tmp_path, "taken"), job(tmp_path, "free")
    queue = Queue([taken, free], emit=lambda _: None)
    with taken.workspace.store.lock(tune.KIND, taken.key):
        assert [queue.take(), queue.take()] == [free, taken]
