"""The jobs of a run as tasks of a cluster: each in a new process, on a node that has what it needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tcmbench import processor
from tcmbench.errors import EvaluationError, StorageError
from tcmbench.executors._ray_nodes import last_line
from tcmbench.executors._ray_worker import Mailbox, RayOrder, perform_order
from tcmbench.executors._worker import WorkOrder
from tcmbench.records.events import Note
from tcmbench.runs.perform import note_failure
from tcmbench.runs.queue import Queue
from tcmbench.trainers._runtime import gpus as machine_gpus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.executors._ray_cluster import Cluster, Room
    from tcmbench.executors._ray_nodes import Common
    from tcmbench.records.events import Emit
    from tcmbench.runs.job import Job

_POLL_SECONDS = 0.5
_LOOK_SECONDS = 10.0
"""Time between two looks at the nodes, for jobs that wait for one that has gone."""

_DEATHS = (
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.ObjectLostError,
)
"""Ends of a process or node that are no error of the job."""


_PERFORM = ray.remote(max_calls=1, max_retries=0)(perform_order)
"""One process per job, as its memory and environment are its own; restarts are ours, and noted."""


class _Try(NamedTuple):
    """A task and its job."""

    job: Job

    attempt: int
    """1 for the first."""


class Tasks:
    """The tasks of a run."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        cluster: Cluster,
        environment: Mapping[str, str],
        places: int,
        retries: int,
        emit: Emit,
    ) -> None:
        """Prepare the jobs.

        Args:
            jobs: Jobs to perform.
            cluster: What jobs take of it.
            environment: Variables that workers start with.
            places: Most tasks at a time.
            retries: Restarts of a job whose process or node died.
            emit: Receives the events.
        """
        self._queue = Queue(jobs, emit=emit)
        self._cluster = cluster
        self._environment = dict(environment)
        self._places = places
        self._retries = retries
        self._emit = emit
        self._tries: dict[Any, _Try] = {}
        self._looked = time.monotonic()
        here = ray.get_runtime_context().get_node_id()
        self._mailbox: Any = (
            ray.remote(Mailbox)
            .options(
                num_cpus=0,
                max_restarts=-1,
                runtime_env={"env_vars": self._environment},
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            )
            .remote()
        )

    def run(self, *, command: tuple[str, ...], log_level: int, keys: Mapping[str, str], common: Common) -> None:
        """Perform all jobs; no task is left running, however this ends.

        Args:
            command: Command line of the run.
            log_level: Its level of logging.
            keys: Secrets that jobs need.
            common: What each node must have in common with this one.

        Raises:
            StorageError: A worker can't write to the store, so no other could keep its results either.
        """

        def order(job: Job) -> RayOrder:
            return RayOrder(WorkOrder(job, command, log_level), keys, common)

        try:
            while self._queue or self._tries:
                while len(self._tries) < self._places and (job := self._queue.take()) is not None:
                    self._start(order(job), attempt=1)
                done, _ = ray.wait([*self._tries], timeout=_POLL_SECONDS) if self._tries else ([], [])
                self._show()
                for task in done:
                    again = self._listen(task)
                    if again is not None:
                        self._start(order(again.job), attempt=again.attempt)
                self._refuse_unmet()
        finally:
            for task in self._tries:
                ray.cancel(task, force=True)
            ray.kill(self._mailbox)

    def _start(self, order: RayOrder, *, attempt: int) -> None:
        """Start a task, unless no node can perform it."""
        job = order.work.job
        if self._is_refused(job):
            return
        room = self._cluster.room(job)
        task = _PERFORM.options(
            name=f"{'measure' if job.is_measuring else 'train'} {job.model}",
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": variables_of(room, self._environment)},
            **room.resources,
        ).remote(order, self._mailbox)
        self._tries[task] = _Try(job, attempt)

    def _is_refused(self, job: Job) -> bool:
        """Settle a job that no node of the cluster can perform."""
        reason = self._cluster.refusal(job)
        if reason is not None:
            note_failure(job, EvaluationError(reason))
            self._queue.settle(job, reason)
        return reason is not None

    def _refuse_unmet(self) -> None:
        """Give up tasks whose only node has gone; one that runs is on a node that is there."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        for task, one in tuple(self._tries.items()):
            if self._is_refused(one.job):
                del self._tries[task]
                ray.cancel(task, force=True)

    def _show(self) -> None:
        """Forward the events that have arrived; those that are lost with their mailbox cost no result."""
        try:
            for event in ray.get(self._mailbox.take.remote()):
                self._emit(event)
        except ray.exceptions.RayActorError:
            return

    def _listen(self, task: Any) -> _Try | None:
        """Settle the job of a task that has ended; return its next try where its process or node died."""
        one = self._tries.pop(task)
        try:
            outcome = ray.get(task)
        except _DEATHS as error:
            if one.attempt <= self._retries:
                self._emit(Note(f"{one.job.model}: {_how(error)}; restarted"))
                return one._replace(attempt=one.attempt + 1)
            self._queue.settle(one.job, _given_up(one, error))
        except ray.exceptions.RayError as error:
            failure = EvaluationError(f"{one.job.model}: Ray could not perform it: {last_line(error)}")
            note_failure(one.job, failure)
            self._queue.settle(one.job, str(failure))
        else:
            if outcome.is_final:
                raise StorageError(outcome.reason)
            self._queue.settle(one.job, outcome.reason)
        return None


def variables_of(room: Room, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a task: threads for its cores, and no GPU in view where it has none.

    Ray sets the GPUs of a task that has some, and leaves all visible to one that has none.
    """
    hidden = {} if room.gpus else {machine_gpus.VARIABLE: ""}
    return {**environment, processor.THREADS: str(room.cpus), **hidden}


def _given_up(one: _Try, error: BaseException) -> str:
    """Record in the store that a job's process died at every attempt, and return the reason."""
    failure = EvaluationError(
        f"{one.job.model}: {_how(error)}, {one.attempt} times. Most often a node has too little memory: run again with "
        "a smaller --jobs, or on larger nodes."
    )
    note_failure(one.job, failure)
    return str(failure)


def _how(error: BaseException) -> str:
    match error:
        case ray.exceptions.NodeDiedError():
            return "its node died"
        case ray.exceptions.OutOfMemoryError():
            return "its process was ended by Ray, as its node ran out of memory"
        case _:
            return "its process died"
