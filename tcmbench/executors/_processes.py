"""Parallel jobs: each in its own process, with a share of the cores and exclusive GPUs."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import processor
from tcmbench.errors import EvaluationError, StorageError
from tcmbench.executors._worker import WorkOrder
from tcmbench.records.events import JobFailed, JobFinished, JobStarted, Note
from tcmbench.runs.perform import note_failure
from tcmbench.runs.queue import Queue
from tcmbench.trainers._runtime import gpus as machine_gpus
from tcmbench.trainers._runtime.process import end_group, leashed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.events import Emit
    from tcmbench.runs.job import Job

_POLL_SECONDS = 1.0
_EXIT_SECONDS = 10.0
"""Time for a process to end by itself after its job."""


class _Worker(NamedTuple):
    """A process and its job."""

    job: Job

    attempt: int
    """1 for the first."""

    gpus: tuple[str, ...]
    """GPUs that no other job uses meanwhile."""

    process: subprocess.Popen[bytes]

    events: Connection
    """Connection for the order and the events."""


class SideBySide:
    """The processes of a run."""

    def __init__(self, jobs: Sequence[Job], *, places: int, retries: int, emit: Emit) -> None:
        """Prepare the jobs.

        Args:
            jobs: Jobs to perform.
            places: Most processes at a time.
            retries: Restarts of a job whose process died.
            emit: Receives the events.
        """
        self._queue = Queue(jobs, emit=emit)
        self._places = places
        self._retries = retries
        self._emit = emit
        self._gpus = machine_gpus.visible()
        self._free = list(self._gpus)
        self._workers: list[_Worker] = []

    def run(self) -> None:
        """Perform all jobs; no process is left running, however this ends.

        Raises:
            StorageError: A worker can't write to the store, so no other could keep its results either.
        """
        try:
            while self._queue or self._workers:
                self._fill()
                wait([worker.events for worker in self._workers], timeout=_POLL_SECONDS)
                for worker in tuple(self._workers):
                    self._listen(worker)
        finally:
            for worker in self._workers:
                end_group(worker.process)
                worker.events.close()

    def _fill(self) -> None:
        """Start jobs until all places, or all GPUs, are taken."""
        while len(self._workers) < self._places:
            job = self._queue.take(lambda job: self._wanted(job) <= len(self._free))
            if job is None:
                return
            gpus = tuple(self._free[: self._wanted(job)])
            del self._free[: len(gpus)]
            self._start(job, gpus=gpus, attempt=1)

    def _wanted(self, job: Job) -> int:
        """Return how many GPUs a job gets; a training that needs more than there are fails with a message."""
        return min(job.needs.gpus, len(self._gpus))

    def _start(self, job: Job, *, gpus: tuple[str, ...], attempt: int) -> None:
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                leashed([sys.executable, "-m", "tcmbench.executors._worker", str(theirs.fileno())]),
                env=self._environment(gpus),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        self._workers.append(_Worker(job, attempt, gpus, process, ours))
        # A process that has ended already is noticed where its events are read.
        with contextlib.suppress(OSError):
            ours.send(WorkOrder(job, tuple(sys.argv), logging.getLogger().getEffectiveLevel()))
        self._emit(JobStarted(job.key, job.model, job.columns))

    def _environment(self, gpus: tuple[str, ...]) -> dict[str, str]:
        """Return the environment of a worker: ours, with its share of the cores and its GPUs."""
        threads = processor.share(self._places)
        waiting = os.environ.get(processor.WAITING) or "passive"
        # A job without need of a GPU must not open a context on the first one.
        visible = {machine_gpus.VARIABLE: ",".join(gpus)} if self._gpus else {}
        return {**os.environ, processor.WAITING: waiting, processor.THREADS: str(threads), **visible}

    def _listen(self, worker: _Worker) -> None:
        """Forward a worker's events; settle its job where it ended, or restart it where it died."""
        is_dead = worker.process.poll() is not None
        outcome: JobFinished | JobFailed | None = None
        try:
            while outcome is None and worker.events.poll():
                event = worker.events.recv()
                if isinstance(event, StorageError):
                    raise event
                if isinstance(event, JobFinished | JobFailed):
                    outcome = event
                else:
                    self._emit(event)
        except (EOFError, OSError):
            is_dead = True
        if outcome is None and not is_dead:
            return
        self._workers.remove(worker)
        if outcome is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(_EXIT_SECONDS)
        end_group(worker.process)
        worker.events.close()
        if outcome is None and worker.attempt <= self._retries:
            self._emit(Note(f"{worker.job.model}: its process {_how(worker.process)}; restarted"))
            self._start(worker.job, gpus=worker.gpus, attempt=worker.attempt + 1)
            return
        self._free = [gpu for gpu in self._gpus if gpu in {*self._free, *worker.gpus}]
        if isinstance(outcome, JobFinished):
            self._queue.settle(worker.job, None)
        else:
            self._queue.settle(worker.job, outcome.reason if outcome else _given_up(worker))


def _given_up(worker: _Worker) -> str:
    """Record in the store that a job's process died at every attempt, and return the reason."""
    error = EvaluationError(
        f"{worker.job.model}: its process {_how(worker.process)}, {worker.attempt} times. Most often this number of "
        "parallel jobs needs too much memory: run again with a smaller --jobs."
    )
    note_failure(worker.job, error)
    return str(error)


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
