"""The board of a set during its run: written again as rows come, and marked as unfinished until the run ends."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from tcmbench.boards import losses, publish
from tcmbench.boards.files import PUBLISHED
from tcmbench.errors import TcmbenchError
from tcmbench.records.events import JobFailed, JobFinished, Note
from tcmbench.runs import gather, status
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tcmbench.boards.html import RunProgress
    from tcmbench.boards.table import Table
    from tcmbench.records.entry import Entry
    from tcmbench.records.events import Emit, Event
    from tcmbench.runs.jobs import PlannedRun
    from tcmbench.runs.selection import SelectedRun

RESAMPLES = 1_000
"""Fewer than the default, so that a board during a run takes seconds; the board states their number."""

RELOAD_SECONDS = 10
"""Interval at which the page of an unfinished run reloads itself."""

_PAUSE = 10
"""Least time between two boards, as a multiple of the time that the last one took: a tenth of a run at most."""

_OPEN = frozenset({"pending", "running"})
"""States of cells that the run has yet to measure."""


class LiveBoard:
    """Writes the board of a run after its measurements, from the time when the reference is measured.

    Nothing of it is stored: only the finished board is. One that can't be computed yet doesn't stop the run.
    """

    def __init__(self, selection: SelectedRun, missing: PlannedRun, *, emit: Emit) -> None:
        """Set what the run measures; `emit` receives a note with the path of the first board."""
        self._selection = selection
        self._left = {job.key: job for job in missing.jobs}
        self._emit = emit
        self._due = float("-inf")
        self._is_first = True
        self._compares = False

    def show(self, event: Event) -> None:
        """Write the board if the event is the end of a measurement, other than the last, and a board is due."""
        if not isinstance(event, JobFinished | JobFailed):
            return
        job = self._left.pop(event.key, None)
        began = time.monotonic()
        if job is None or not job.is_measuring or not self._left or began < self._due or not self._has_reference():
            return
        try:
            self._write()
        except TcmbenchError as error:
            self._emit(Note(f"No board until the run ends: {error}"))
            self._due = float("inf")
        else:
            self._due = time.monotonic() + _PAUSE * (time.monotonic() - began)

    def _has_reference(self) -> bool:
        """Return whether the reference is measured; before, there is nothing to compare with."""
        if not self._compares:
            place, model_set = self._selection.workspace, self._selection.model_set
            reference = gather.stored_base(place, place.spec(Base, model_set.reference), self._selection.planned)
            self._compares = bool(reference.scores)
        return self._compares

    def _write(self) -> None:
        place, model_set, planned = self._selection.workspace, self._selection.model_set, self._selection.planned
        entries = status.mark(gather.entries(place, model_set, planned), status.running(place.store))
        target = publish.folder(place, model_set, planned)
        losses.refuse(target, model_set.name, entries)
        page, *_ = publish.place(target, self._contents(entries))
        if self._is_first:
            self._is_first = False
            self._emit(Note(f"first board: {page} (written again as rows come)"))

    def _contents(self, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        from tcmbench.boards import render
        from tcmbench.boards.html import to_html

        place, model_set, planned = self._selection.workspace, self._selection.model_set, self._selection.planned
        table = publish.table(place, model_set, planned, entries, resamples=RESAMPLES)
        page = partial(to_html, reload_seconds=RELOAD_SECONDS, unfinished=self._progress(entries))
        writers: Mapping[str, Callable[[Table], str]] = {**render.WRITERS, "index.html": page}
        return {name: writers[name](table).encode() for name in PUBLISHED}

    def _progress(self, entries: Sequence[Entry]) -> RunProgress:
        from tcmbench.boards.html import RunProgress

        part, columns = self._selection.part, self._selection.planned.suite.tasks
        names = [column.column for column in part.of(columns)]
        rows = [entry for entry in entries if part.has_model(entry.name)]
        is_open = [any(name in row.states and row.states[name].state in _OPEN for name in names) for row in rows]
        return RunProgress(measured=is_open.count(False), models=len(rows))
