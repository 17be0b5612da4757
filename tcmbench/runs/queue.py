"""The jobs that are left of a run, in order; a failure takes along what waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.records.events import JobFailed, JobFinished
from tcmbench.runs.perform import is_taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.jobs import Job


class Queue:
    """Gives out jobs whose predecessor is done, and reports how each ends."""

    def __init__(self, jobs: Sequence[Job], *, emit: Emit) -> None:
        self._waiting = list(jobs)
        self._open = {job.key for job in jobs}
        self._emit = emit

    def __bool__(self) -> bool:
        """Return whether jobs wait."""
        return bool(self._waiting)

    def take(self, fits: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """Return the next job that can begin and fits, None while there is none.

        A job that another run is busy with comes after all others: by then it may be done.
        """
        ready = [job for job in self._waiting if job.after not in self._open and fits(job)]
        if not ready:
            return None
        job = next((job for job in ready if not is_taken(job)), ready[0])
        self._waiting.remove(job)
        return job

    def settle(self, job: Job, reason: str | None) -> None:
        """Report the end of a job that was taken; with a reason it failed, and so have those that wait for it."""
        self._open.discard(job.key)
        if reason is None:
            self._emit(JobFinished(job.key, job.model))
            return
        self._emit(JobFailed(job.key, job.model, reason))
        for dependent in [other for other in self._waiting if other.after == job.key]:
            self._waiting.remove(dependent)
            self.settle(dependent, f"not measured, because its training failed: {reason}")
