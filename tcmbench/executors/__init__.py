"""Executors of the jobs of a run, one per file: the processes of one machine, or a cluster.

The contract: a job (`runs/jobs.py`) can be pickled; a worker calls `runs.perform.perform(job, emit=…)`, which returns
None or the reason of a failure. Only this and the events are returned: results go to the store, which all workers
access under the same paths. An executor

- starts no job before the one that it depends on is done (`runs.queue.Queue` keeps the order);
- restarts a job whose worker died, a few times; a failure that `perform` returns is final;
- records in the store that a job failed for good (`perform.note_failure`), and continues with the others;
- assigns a job the GPUs that it needs, as far as the machine has them: a training that needs more fails with a message,
  where an unsatisfiable request would wait forever;
- ends with the StorageError of `perform`: nothing of what would come next could be kept;
- hides GPUs from a job that needs none, or calls `perform` with the device `cpu`;
- leaves no process behind, however it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.job import Job


class ExecutorOptions(PluginOptions):
    """Base of every executor's options."""

    jobs: int = Field(default=1, ge=1, le=1_024)
    """Most jobs at a time."""


class Executor(Protocol):
    """Interface of a module of this folder."""

    def run(self, jobs: Sequence[Job], *, options: ExecutorOptions, emit: Emit) -> None:
        """Perform all jobs; one that fails doesn't stop the others."""
        ...
