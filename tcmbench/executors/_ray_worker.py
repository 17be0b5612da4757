"""A job in a process of a cluster's node, and the mailbox that its events go to."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
from typing import TYPE_CHECKING, Any, NamedTuple

import ray

from tcmbench import redaction
from tcmbench.errors import EvaluationError, StorageError
from tcmbench.executors._ray_nodes import Common, difference
from tcmbench.executors._worker import WorkOrder, prepare, reason_of
from tcmbench.records.events import JobStarted, Note
from tcmbench.runs.perform import note_failure
from tcmbench.trainers._runtime import gpus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.records.events import Event

_FLUSH_SECONDS = 30.0


class Mailbox:
    """Events of all jobs, as an actor beside the run."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def put(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """Return the events since the last call, in order."""
        events, self._events = self._events, []
        return events


class RayOrder(NamedTuple):
    """The message to a node."""

    work: WorkOrder

    keys: Mapping[str, str]
    """Secrets of the environment; not in Ray's runtime environment, which its dashboard shows."""

    common: Common
    """What the node must have in common with the run."""


class JobOutcome(NamedTuple):
    """How a job ended."""

    reason: str | None
    """Why it failed; None on success."""

    is_final: bool = False
    """Whether the store can't be written to, which ends the run."""


def perform_order(order: RayOrder, mailbox: Any) -> JobOutcome:
    """Perform a job; its events go to the mailbox, and all are there when this returns."""
    os.environ.update(order.keys)
    redaction.learn(*order.keys.values())
    if not ray.get_gpu_ids():
        # Ray leaves all GPUs visible to a task that has none; torch isn't imported yet.
        os.environ[gpus.VARIABLE] = ""
    job, post = order.work.job, _Post(mailbox)
    prepare(order.work, _Handler(job.model, post))
    what = difference(order.common)
    if what:
        reason = f"{job.model}: {platform.node()} can't perform jobs of this run: {what}. See docs/cluster.md."
        with contextlib.suppress(StorageError):
            note_failure(job, EvaluationError(reason))
        return JobOutcome(reason)
    post.send(JobStarted(job.key, job.model, job.columns))
    try:
        outcome = JobOutcome(reason_of(job, emit=post.send))
    except StorageError as error:
        outcome = JobOutcome(str(error), is_final=True)
    post.flush()
    return outcome


class _Post:
    """Sends events in order."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox = mailbox
        self._last: Any = None

    def send(self, event: Event) -> None:
        """Send an event without waiting."""
        self._last = self._mailbox.put.remote(event)

    def flush(self) -> None:
        """Wait until all have arrived; a lost mailbox costs progress, not results."""
        with contextlib.suppress(ray.exceptions.RayError):
            if self._last is not None:
                ray.get(self._last, timeout=_FLUSH_SECONDS)


class _Handler(logging.Handler):
    """Sends log records to the screen of the run."""

    def __init__(self, model: str, post: _Post) -> None:
        super().__init__()
        self._model = model
        self._post = post

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as a note."""
        text = redaction.text(f"{record.levelname} {record.name}: {record.getMessage()}")
        self._post.send(Note(f"{self._model} on {platform.node()}: {text}"))
