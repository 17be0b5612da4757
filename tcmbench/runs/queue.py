"""The remaining jobs of a run, in order; jobs that depend on a failed one fail with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.records.events import JobFailed, JobFinished
from tcmbench.runs.perform import is_taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.job import Job


class Queue:
    """Returns jobs whose dependencies are done, and reports how each ends."""

    def __init__(self, jobs: Sequence[Job], *, emit: Emit) -> None:
        self._waiting = list(jobs)
        self._open = {job.key for job in jobs}
        self._emit = emit

    def __bool__(self) -> bool:
        """Return whether jobs are left."""
        return bool(self._waiting)

    def take(self, fits: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """Return the next job that can start and fits, None if there is none.

        A job that another run is performing comes last, since it may be done by then.
        """
        ready = [job for job in self._waiting if self._open.isdisjoint(job.after) and fits(job)]
        if not ready:
            return None
        job = next((job for job in ready if not is_taken(job)), ready[0])
        self._waiting.remove(job)
        return job

    def settle(self, job: Job, reason: str | None) -> None:
        """Report the end of a job; with a reason it has failed, and so have the jobs that depend on it.

        A part of a corpus that could not be encoded only costs time: the measuring encodes it, or says why it can't.
        """
        self._open.discard(job.key)
        if reason is None:
            self._emit(JobFinished(job.key, job.model))
            return
        self._emit(JobFailed(job.key, job.model, reason))
        if job.part is not None:
            return
        while (dependent := next((other for other in self._waiting if job.key in other.after), None)) is not None:
            self._waiting.remove(dependent)
            self.settle(dependent, _consequence(dependent, job, reason))


def _consequence(dependent: Job, failed: Job, reason: str) -> str:
    """Return why a job can't be performed: the first failure, which its own message says once."""
    if failed.of_checkpoints:
        return f"not measured, because no checkpoint of {failed.model} was chosen: {reason}"
    if dependent.is_building:
        return f"not made, because {failed.model} failed: {reason}"
    return f"not measured, because its {'making' if failed.is_treated else 'training'} failed: {reason}"
