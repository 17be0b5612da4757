"""Status of the runs on a store, so that a board can show them while they run.

A run has a file in the store under a random name, with a lock that the system releases when the run ends, however it
ends: a killed run never appears as running, and no two runs share a file, whatever the names of their machines and
processes.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import DamagedArtefact
from tcmbench.records.entry import CellState
from tcmbench.records.events import (
    JobFailed,
    JobFinished,
    JobStarted,
    MakingStarted,
    MeasuringStarted,
    ScoreMeasured,
    TrainingStep,
)
from tcmbench.records.reason import Reason
from tcmbench.store import locked, read_checked, write_checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tcmbench.records.entry import Entry
    from tcmbench.records.events import Event
    from tcmbench.store import Store

logger = logging.getLogger(__name__)

_KIND = "running"
_EVERY = 2.0
"""Seconds between two updates of the same training."""


class Doing(NamedTuple):
    """Work in progress on one model."""

    model: str
    """Name of a base, or of a variant or cure and its seed (`name/seed0`)."""

    column: str
    """Column that is measured; empty during a training or making."""

    reason: Reason
    """Progress, without the seed."""


class Status:
    """The file of one run, written from its events."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._doing: dict[str, Doing] = {}
        self._noted: dict[str, float] = {}
        self._jobs: dict[str, set[str]] = {}

    def show(self, event: Event) -> None:
        """Write the changes by an event; steps of a training at most every two seconds."""
        self._count(event)
        match event:
            case JobStarted(model=model, columns=()):
                self._note(Doing(model, "", Reason.of("starting")))
            case TrainingStep(model=model, step=step, total=total):
                now = time.monotonic()
                if now - self._noted.get(model, 0.0) > _EVERY:
                    self._noted[model] = now
                    self._note(Doing(model, "", Reason.of("training", step=step, total=total)))
            case MakingStarted(model=model):
                self._note(Doing(model, "", Reason.of("making")))
            case MeasuringStarted(model=model, column=column):
                self._note(Doing(model, column, Reason.of("measuring")))
            case ScoreMeasured(model=model) | JobFinished(model=model) | JobFailed(model=model):
                if not self._jobs.get(model) or isinstance(event, ScoreMeasured):
                    self._end(model)

    def _count(self, event: Event) -> None:
        """Count the jobs of a model: several encode its corpus together."""
        match event:
            case JobStarted(key=key, model=model):
                self._jobs.setdefault(model, set()).add(key)
            case JobFinished(key=key, model=model) | JobFailed(key=key, model=model):
                self._jobs.get(model, set()).discard(key)

    def _end(self, model: str) -> None:
        if self._doing.pop(model, None) is not None:
            self._write()

    def _note(self, doing: Doing) -> None:
        self._doing[doing.model] = doing
        self._write()

    def _write(self) -> None:
        write_checked(
            self._path, {"doing": [{**one._asdict(), "reason": one.reason.to_json()} for one in self._doing.values()]}
        )


@contextlib.contextmanager
def reporting(store: Store) -> Iterator[Status]:
    """Give the status of a new run; its file is there and locked until the run ends."""
    path = store.root / _KIND / f"{uuid.uuid4().hex}.json"
    lock = path.with_suffix(".lock")
    with locked(lock, taken=f"{path}: another run has the same name"):
        try:
            yield Status(path)
        finally:
            path.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)


def running(store: Store) -> list[Doing]:
    """Return the work in progress of all runs on this store; files of ended runs are removed."""
    import filelock

    doing: list[Doing] = []
    for path in sorted((store.root / _KIND).glob("*.json")):
        lock = filelock.FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            with contextlib.suppress(FileNotFoundError):  # the run ended between the two looks
                doing += _noted(path)
            continue
        lock.release()
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
    return doing


def mark(entries: Sequence[Entry], doing: Sequence[Doing]) -> list[Entry]:
    """Return the entries with the cells that are being trained or measured marked as running."""
    return [_marked(entry, [d for d in doing if d.model.partition("/")[0] == entry.name]) for entry in entries]


def _marked(entry: Entry, doing: Sequence[Doing]) -> Entry:
    states = dict(entry.states)
    for one in doing:
        _, _, seed = one.model.partition("/")
        reason = one.reason
        if seed:
            reason = Reason.of(f"{reason.code}_seed", seed=seed.removeprefix("seed"), **dict(reason.facts))
        for column, state in entry.states.items():
            if state.state == "pending" and one.column in {"", column}:
                states[column] = CellState("running", reason)
    return replace(entry, states=states)


def _noted(path: Path) -> list[Doing]:
    """Return what a run has noted; nothing where that is damaged, as its next note replaces it."""
    try:
        doing = read_checked(path).get("doing")
    except DamagedArtefact as error:
        logger.error("%s: %s. What the run does is not shown until its next note.", error.path, error.what)
        return []
    rows = [row for row in doing if isinstance(row, dict)] if isinstance(doing, list) else []
    return [
        Doing(str(row.get("model", "")), str(row.get("column", "")), Reason.from_json(row.get("reason")))
        for row in rows
    ]
