"""A process for one job: `python -m tcmbench.executors._worker FD`, with an open connection to its executor."""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import faults
from tcmbench.errors import StorageError
from tcmbench.records.events import JobFailed, JobFinished
from tcmbench.terminal import log_handler

if TYPE_CHECKING:
    from tcmbench.records.events import Emit, Event
    from tcmbench.runs.job import Job


class WorkOrder(NamedTuple):
    """The message to a worker."""

    job: Job
    """Job to perform."""

    command: tuple[str, ...]
    """Command line of the run, which provenance records."""

    log_level: int
    """Level of logging."""


def prepare(order: WorkOrder, handler: logging.Handler) -> None:
    """Set this process's command line and logging to those of the run."""
    sys.argv = list(order.command)
    logging.basicConfig(handlers=[handler], level=order.log_level)
    # a run with a level of its own shows its workers' warnings by that level, others those that explain a slow job
    if order.log_level > logging.WARNING:
        logging.getLogger("tcmbench.processor").setLevel(logging.WARNING)
    # bm25s logs at DEBUG from the moment it is imported
    logging.getLogger("bm25s").propagate = False


def reason_of(job: Job, *, emit: Emit) -> str | None:
    """Perform a job and return None, or the reason of its failure, also of an internal error.

    Raises:
        StorageError: The store can't be written to.
    """
    from tcmbench.runs.perform import perform

    try:
        return perform(job, emit=emit)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the run hears of it, and another try changes nothing
        return faults.report(error)


def main(descriptor: int) -> None:
    """Perform the job of the order; send its events, and finally its outcome, or the error that ends the run."""
    # Not inherited by the processes of a training, which would keep the connection open after this one ends.
    os.set_inheritable(descriptor, False)
    with Connection(descriptor) as executor:
        order: WorkOrder = executor.recv()
        prepare(order, log_handler())

        def emit(event: Event | StorageError) -> None:
            try:
                executor.send(event)
            except OSError:  # The run has ended, which is not a failure of the job.
                raise SystemExit(1) from None

        job = order.job
        try:
            reason = reason_of(job, emit=emit)
        except StorageError as error:
            emit(error)
            return
        emit(JobFinished(job.key, job.model) if reason is None else JobFailed(job.key, job.model, reason))


if __name__ == "__main__":
    main(int(sys.argv[1]))
