"""Jobs as tasks of a Ray cluster, whose nodes share the folders of the run.

    ray start --head                                    on one machine
    ray start --address HEAD:6379                       on the others
    tcmbench run SET --executor ray                     on any of them

Only jobs, which contain names, paths and keys, travel to a node, and only events come back: results go to the store.
Each job has a process of its own, and the GPUs, cores and memory that it states. docs/cluster.md has the set-ups.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.errors import MissingExtra
from tcmbench.executors import ExecutorOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.job import Job


class Options(ExecutorOptions):
    """Cluster, parallel jobs and restarts."""

    jobs: int = Field(default=1_024, ge=1, le=1_024)
    """Most jobs at a time; by default as many as the cluster has room for."""

    address: str = "auto"
    """`host:port` of the cluster; `auto` is that of $RAY_ADDRESS, or the one that this machine is a node of; `local`
    starts one on this machine, which ends with the run."""

    retries: int = Field(default=2, ge=0)
    """Restarts of a job whose process or node died."""


def run(jobs: Sequence[Job], *, options: Options, emit: Emit) -> None:
    """Perform all jobs; one that fails doesn't stop the others.

    Raises:
        MissingExtra: Ray isn't installed.
        SpecError: No cluster answers, or a node can't perform jobs of this run.
        StorageError: A worker can't write to the store, so no other could keep its results either.
    """
    if not jobs:
        return
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra.of("ray", "ray", purpose="executor ray")
    from tcmbench.executors._ray_cluster import Cluster, connected
    from tcmbench.executors._ray_nodes import shared_by_all
    from tcmbench.executors._ray_tasks import Tasks
    from tcmbench.executors._worker_environment import keys, variables

    place = jobs[0].workspace
    with connected(options.address):
        environment = variables()
        with shared_by_all(place, environment=environment) as common:
            most = options.jobs if "jobs" in options.model_fields_set else None
            tasks = Tasks(
                jobs,
                cluster=Cluster(most),
                environment=environment,
                places=options.jobs,
                retries=options.retries,
                emit=emit,
            )
            tasks.run(
                command=tuple(sys.argv),
                log_level=logging.getLogger().getEffectiveLevel(),
                keys=keys(place),
                common=common,
            )
