"""What is being trained and measured right now, so that a board can be looked at during a long run.

A run holds a file in the store, with a lock on it that the system takes back when the run ends, however it ends: a
killed run never looks as if it still ran.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.records.entry import CellState
from tcmbench.store import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tcmbench.records.entry import Entry
    from tcmbench.records.model import Model
    from tcmbench.records.score import Score
    from tcmbench.runs.run_set import Watcher
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.store import Store
    from tcmbench.trainers import Step

_KIND = "running"
_EVERY = 2.0
"""Seconds between two notes of the same training."""


class Doing(NamedTuple):
    """What one run does."""

    model: str
    """Name of a base, or of a variant and its seed (`name/seed0`)."""

    column: str
    """Column that is measured; empty while the model is trained."""

    detail: str
    """How far it is, for people; may be empty."""


class Reporter:
    """Passes everything on to another watcher and notes what is going on."""

    def __init__(self, store: Store, watcher: Watcher) -> None:
        self._path = store.root / _KIND / f"{socket.gethostname()}-{os.getpid()}.json"
        self._watcher = watcher
        self._noted = 0.0

    @contextlib.contextmanager
    def watching(self) -> Iterator[Reporter]:
        """Hold the file for as long as the run goes."""
        import filelock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_suffix(".lock")
        try:
            with filelock.FileLock(lock):
                yield self
        finally:
            self._path.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)

    def train(self, name: str, step: Step) -> None:
        """Note how far a training is, at most every two seconds."""
        now = time.monotonic()
        if now - self._noted > _EVERY:
            self._noted = now
            self._note(Doing(name, "", f"training, step {step.step} of {step.total}"))
        self._watcher.train(name, step)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._watcher.note(text)

    def begin(self, model: Model, column: SuiteTask) -> None:
        """Note what is measured."""
        self._note(Doing(model.name, column.column, ""))
        self._watcher.begin(model, column)

    def end(self, model: Model, column: SuiteTask, score: Score | None) -> None:
        """Note that nothing is measured for the moment."""
        self._path.unlink(missing_ok=True)
        self._watcher.end(model, column, score)

    def _note(self, doing: Doing) -> None:
        write_json(self._path, {"model": doing.model, "column": doing.column, "detail": doing.detail})


def running(store: Store) -> list[Doing]:
    """Return what the runs on this store are doing, in no particular order of runs that are alive."""
    import filelock

    found = []
    for path in sorted((store.root / _KIND).glob("*.json")):
        lock = filelock.FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            with contextlib.suppress(FileNotFoundError):  # the run ended between the two looks
                found.append(_read(read_json(path)))
            continue
        lock.release()
        path.unlink(missing_ok=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
    return found


def mark(entries: Sequence[Entry], doing: Sequence[Doing]) -> list[Entry]:
    """Return the entries with the cells that are being trained or measured marked as running."""
    return [_marked(entry, [d for d in doing if d.model.partition("/")[0] == entry.name]) for entry in entries]


def _marked(entry: Entry, doing: Sequence[Doing]) -> Entry:
    states = dict(entry.states)
    for what in doing:
        _, _, seed = what.model.partition("/")
        reason = ", ".join(part for part in (seed, what.detail or "being measured") if part)
        for column, state in entry.states.items():
            if state.state == "pending" and what.column in {"", column}:
                states[column] = CellState("running", reason)
    return replace(entry, states=states)


def _read(value: object) -> Doing:
    fields = value if isinstance(value, dict) else {}
    return Doing(*(str(fields.get(name, "")) for name in Doing._fields))
