"""The board of a set during its run: written again as rows come, and marked as unfinished until the run ends."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from tcmbench.boards import publish
from tcmbench.boards.files import PUBLISHED
from tcmbench.errors import TcmbenchError
from tcmbench.records.events import JobFailed, JobFinished
from tcmbench.runs import gather, status
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tcmbench.records.entry import Entry
    from tcmbench.records.events import Event
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.runs.jobs import PlannedRun
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace

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

    def __init__(
        self,
        workspace: Workspace,
        model_set: ModelSet,
        planned: PlannedSuite,
        missing: PlannedRun,
        *,
        note: Callable[[str], None],
    ) -> None:
        """Set what the run measures; `note` receives the path of the first board."""
        self._workspace = workspace
        self._model_set = model_set
        self._planned = planned
        self._left = {job.key: job for job in missing.jobs}
        self._note = note
        self._due = float("-inf")
        self._is_first = True
        self._compares = False

    def show(self, event: Event) -> None:
        """Write the board if the event is the end of a measurement, other than the last, and a board is due."""
        if not isinstance(event, JobFinished | JobFailed):
            return
        job = self._left.pop(event.key, None)
        began = time.monotonic()
        if job is None or job.is_training or not self._left or began < self._due or not self._has_reference():
            return
        try:
            self._write()
        except TcmbenchError as error:
            self._note(f"No board until the run ends: {error}")
            self._due = float("inf")
        else:
            self._due = time.monotonic() + _PAUSE * (time.monotonic() - began)

    def _has_reference(self) -> bool:
        """Return whether the reference is measured; before, there is nothing to compare with."""
        if not self._compares:
            base = self._workspace.spec(Base, self._model_set.reference)
            self._compares = bool(gather.stored_base(self._workspace, base, self._planned).scores)
        return self._compares

    def _write(self) -> None:
        entries = gather.entries(self._workspace, self._model_set, self._planned)
        entries = status.mark(entries, status.running(self._workspace.store))
        page, *_ = publish.place(self._workspace, self._model_set.name, self._contents(entries))
        if self._is_first:
            self._is_first = False
            self._note(f"first board: {page} (written again as rows come)")

    def _contents(self, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        from tcmbench.boards import render
        from tcmbench.boards.html import Unfinished, to_html

        table = publish.table(self._workspace, self._model_set, self._planned, entries, resamples=RESAMPLES)
        measured = sum(not _OPEN & {state.state for state in entry.states.values()} for entry in entries)
        writers = {
            **render.WRITERS,
            "index.html": partial(
                to_html, reload_seconds=RELOAD_SECONDS, unfinished=Unfinished(measured, len(entries))
            ),
        }
        return {name: writers[name](table).encode() for name in PUBLISHED}
