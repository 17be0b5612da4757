"""Jobs on this machine: sequentially in this process, or in parallel in separate processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.executors import ExecutorOptions
from tcmbench.records.events import JobStarted
from tcmbench.runs.perform import perform
from tcmbench.runs.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.job import Job


class Options(ExecutorOptions):
    """Parallel jobs and restarts."""

    retries: int = Field(default=2, ge=0)
    """Restarts of a job whose process died."""


def run(jobs: Sequence[Job], *, options: Options, emit: Emit) -> None:
    """Perform all jobs; one that fails doesn't stop the others."""
    if options.jobs > 1:
        from tcmbench.executors._processes import SideBySide

        SideBySide(jobs, places=options.jobs, retries=options.retries, emit=emit).run()
        return
    queue = Queue(jobs, emit=emit)
    while (job := queue.take()) is not None:
        emit(JobStarted(job.key, job.model, job.columns))
        queue.settle(job, perform(job, emit=emit))
