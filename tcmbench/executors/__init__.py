"""Executors perform the jobs of a run: one plug-in per file, such as the processes of one machine, or a cluster.

The contract: a job (`runs/jobs.py`) is pickled as it is; where it arrives, `runs.perform.perform(job, emit=…)` does it
and returns None or the reason of its failure. That and the events are all that comes back: results go to the store,
which all workers see under the same paths. An executor

- begins no job before the one it waits for is done (`runs.queue.Queue` holds them in order);
- starts a job again whose worker died, a few times; a failure that `perform` returns is final;
- notes in the store that a job is given up (`perform.note_failure`), and goes on with the others;
- gives a job the GPUs that it needs, as far as the machine has them: a training that needs more says so itself, where a
  request that nothing can meet would wait for ever;
- hides GPUs from a job that needs none, or has `perform` use the device `cpu`;
- leaves no process behind, however it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.jobs import Job


class ExecutorOptions(PluginOptions):
    """Base of every executor's options."""

    jobs: int = Field(default=1, ge=1, le=1_024)
    """Most jobs at a time."""


class Executor(Protocol):
    """What a module of this folder offers."""

    def run(self, jobs: Sequence[Job], *, options: ExecutorOptions, emit: Emit) -> None:
        """Perform all jobs; one that fails doesn't stop the others."""
        ...
