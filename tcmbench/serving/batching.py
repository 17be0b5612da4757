"""The queue of concurrent requests: their items share batches of a budget of tokens, computed by one thread or more.

A request that finds the model idle is computed at once. While the model computes, others gather and form the next
batch. As long as it is small, a batch waits for clients that were just answered, which often come back at once, until
none has come for a few milliseconds. Large requests and small ones take turns within a batch, so that nobody waits for
thousands of texts of somebody else. Several threads share what is asked for, where each share is worth a call of its
own. Sorting by length, and batches that fit the memory, are the encoder's own.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from tcmbench.encoders.runtime.batches import CPU_TOKENS
from tcmbench.errors import TcmbenchError
from tcmbench.serving.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_TURNS = 4
"""A request takes at most this part of a batch before it is the turn of the next."""

_WORTH = 6
"""Calls that a batch beside another one has to be worth: parallel batches then cost at most about a tenth more than
one in processor time."""

_JOINING = 0.1
"""Most seconds that a batch which isn't worth a call of its own waits for the one that is being computed."""

_RETURNING = 0.1
"""Seconds after an answer within which requests are taken for those of clients that were answered."""

_LONGEST_RETRY = 60
_FADING = 0.8
"""Weight of earlier batches in the measured speed."""

Item = TypeVar("Item")


class Answers(NamedTuple):
    """What was computed for a list of items."""

    values: NDArray[np.float32]
    """A vector or a score per item, in order."""

    tokens: NDArray[np.int64]
    """Tokens of each item, after cutting."""


class Batch(NamedTuple):
    """A batch that was computed, for metrics."""

    requests: int

    items: int

    tokens: int
    """Tokens of the items; 0 where computing failed."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests become batches."""

    tokens: int | None = None
    """Tokens per batch, estimated from characters; None takes the encoder's own budget."""

    wait: float = 0.004
    """Seconds without a further request after which a batch no longer waits for clients that were just answered."""

    waiting_tokens: int = 131_072
    """Tokens of waiting requests above which further ones are refused."""


@dataclass(slots=True, eq=False)
class _Queued(Generic[Item]):
    """A request in the queue."""

    items: Sequence[Item]
    """Longest first."""

    costs: Sequence[int]
    """Estimated tokens of each."""

    future: asyncio.Future[list[Answers]]
    """Answers in parts, in the order of `items`."""

    taken: int = 0
    """Items that were put into a batch."""

    done: dict[int, Answers] = field(default_factory=dict)
    """Place of the first item of a part → its answers; parts that are computed side by side end in any order."""

    left: int = field(init=False)
    """Items without an answer."""

    has_failed: bool = False
    """Whether a part of it has failed, so that nobody needs the others."""

    def __post_init__(self) -> None:
        self.left = len(self.items)

    def answers(self) -> list[Answers]:
        """Return the parts in the order of `items`."""
        return [self.done[start] for start in sorted(self.done)]


class _Share(NamedTuple, Generic[Item]):
    """The items of one request in a batch."""

    request: _Queued[Item]
    start: int
    stop: int

    @property
    def cost(self) -> int:
        """Estimated tokens."""
        return sum(self.request.costs[self.start : self.stop])


class BatchQueue(Generic[Item]):
    """Computes the items of concurrent requests in common batches."""

    def __init__(
        self,
        computes: Sequence[Callable[[Sequence[Item]], Answers]],
        *,
        cost: Callable[[Item], int],
        options: Batching,
        call_tokens: float = 0.0,
        report: Callable[[Batch], None] = lambda _: None,
    ) -> None:
        """Set what is computed; `start` starts the threads.

        Args:
            computes: One for each thread, called in that one only: returns the answers of items, in order.
            cost: Estimated tokens of an item, at least 1; cheap.
            options: How requests become batches.
            call_tokens: Tokens that cost as much as a call of `computes`.
            report: Receives every batch, in the thread that computed it.
        """
        self._cost = cost
        self._options = options
        self._worth = max(1.0, _WORTH * call_tokens)
        self._budget = options.tokens or CPU_TOKENS
        self._report = report
        self._changed = threading.Condition()
        self._queue: deque[_Queued[Item]] = deque()
        self._tokens = 0
        self._computing = 0
        self._expected = 1
        self._answered = self._arrived = -math.inf
        self._speed = 0.0
        self._failures = 0
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(compute,), name=f"tcmbench-model-{number}", daemon=True)
            for number, compute in enumerate(computes)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads after their current batches; waiting requests are refused."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    @property
    def waiting_tokens(self) -> int:
        """Estimated tokens that are not yet in a batch."""
        return self._tokens

    @property
    def is_healthy(self) -> bool:
        """Whether all threads run and the last three batches didn't all fail."""
        return all(thread.is_alive() for thread in self._threads) and self._failures < 3

    async def submit(self, items: Sequence[Item]) -> Answers:
        """Return the answers of items, in order.

        Raises:
            Refused: Too many requests are waiting, or the server ends.
            TcmbenchError: The model's answers can't be used.
        """
        costs = [self._cost(item) for item in items]
        order = sorted(range(len(items)), key=lambda place: -costs[place])
        future: asyncio.Future[list[Answers]] = asyncio.get_running_loop().create_future()
        request = _Queued([items[place] for place in order], [costs[place] for place in order], future)
        with self._changed:
            self._admit(sum(costs))
            self._queue.append(request)
            self._arrived = time.monotonic()
            # Threads differ in how many requests they wait for.
            self._changed.notify_all()
        parts = await future
        values = np.concatenate([part.values for part in parts])
        tokens = np.concatenate([part.tokens for part in parts])
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return Answers(values[back], tokens[back])

    def _admit(self, tokens: int) -> None:
        """Count a request in; one that is larger than the queue is admitted when nothing else waits.

        Raises:
            Refused: The queue is full or closed.
        """
        if self._is_closed:
            raise _ending()
        if self._tokens and self._tokens + tokens > self._options.waiting_tokens:
            seconds = math.ceil(self._tokens / self._speed) if self._speed else 1
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"the model is busy: about {self._tokens} tokens are waiting. Try again later, with fewer requests at "
                "the same time.",
                retry_after=min(max(seconds, 1), _LONGEST_RETRY),
            )
        self._tokens += tokens

    def _work(self, compute: Callable[[Sequence[Item]], Answers]) -> None:
        while (shares := self._next()) is not None:
            if shares:
                self._perform(shares, compute)
        with self._changed:
            left = list(self._queue)
            self._queue.clear()
            self._tokens = 0
        _resolve([(request, _ending()) for request in left])

    def _next(self) -> list[_Share[Item]] | None:
        """Return the items of the next batch, waiting for some; None at the end."""
        with self._changed:
            while not self._queue:
                if self._is_closed:
                    return None
                self._changed.wait()
            began = time.monotonic()
            while self._queue and not self._is_closed:
                left = self._starts(began) - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return None if self._is_closed else self._take()

    def _starts(self, began: float) -> float:
        """Return when a batch of what is there starts, for a thread that has been waiting since `began`."""
        if self._computing and self._tokens < min(self._worth, self._budget):
            return began + _JOINING
        is_return = self._arrived - self._answered < _RETURNING
        if is_return and len(self._queue) < self._expected and self._tokens < min(2 * self._worth, self._budget):
            return max(self._arrived, self._answered) + self._options.wait
        return began

    def _take(self) -> list[_Share[Item]]:
        """Return shares of the waiting requests, in turns, up to the budget; requests without a client are dropped."""
        shares: dict[int, _Share[Item]] = {}
        too_large: list[_Queued[Item]] = []
        asked = self._tokens + self._computing
        parts = max(1, min(len(self._threads), int(asked / self._worth)))
        # The item that crosses the share is taken: a rest of one or two texts would cost a call.
        budget, share = self._budget, math.ceil(asked / parts)
        turn = max(1, min(budget, share) // _TURNS)
        while self._queue and (min(budget, share) > 0 or not shares):
            request = self._queue.popleft()
            if request.future.cancelled():
                self._tokens -= sum(request.costs[request.taken :])
                continue
            if shares and request.costs[request.taken] > budget:
                too_large.append(request)
                continue
            start, stop, spent = request.taken, request.taken, 0
            while stop < len(request.items) and (not spent or spent + request.costs[stop] <= min(turn, budget)):
                spent += request.costs[stop]
                stop += 1
            before = shares.get(id(request))
            shares[id(request)] = _Share(request, start if before is None else before.start, stop)
            request.taken = stop
            budget -= spent
            share -= spent
            self._tokens -= spent
            self._computing += spent
            if stop < len(request.items):
                self._queue.append(request)
        self._queue.extendleft(reversed(too_large))
        return list(shares.values())

    def _perform(self, shares: list[_Share[Item]], compute: Callable[[Sequence[Item]], Answers]) -> None:
        """Compute a batch; where it fails, each request alone, so that only those that fail get an error."""
        try:
            finished = self._run(shares, compute)
        except Exception as error:  # it is its request's, and the thread has to compute the next
            if len(shares) > 1:
                for share in shares:
                    self._perform([share], compute)
                return
            if not isinstance(error, TcmbenchError):
                logger.error("a batch failed: %s", type(error).__name__)
                logger.debug("a batch failed", exc_info=error)
            self._fail(shares[0])
            _resolve([(shares[0].request, error)])
        else:
            _resolve([(request, None) for request in finished])

    def _run(self, shares: list[_Share[Item]], compute: Callable[[Sequence[Item]], Answers]) -> list[_Queued[Item]]:
        """Compute a batch and return the requests that are complete now."""
        items = [item for share in shares for item in share.request.items[share.start : share.stop]]
        began = time.monotonic()
        answers = compute(items)
        seconds = max(time.monotonic() - began, 1e-9)
        if len(answers.values) != len(items) or len(answers.tokens) != len(items):
            raise ValueError(f"expected answers for {len(items)} items, got {len(answers.values)}")
        self._report(Batch(len(shares), len(items), int(answers.tokens.sum()), seconds))
        return self._keep(shares, answers, seconds)

    def _keep(self, shares: Sequence[_Share[Item]], answers: Answers, seconds: float) -> list[_Queued[Item]]:
        """Keep the answers of a batch, and return the requests that are complete now."""
        finished: list[_Queued[Item]] = []
        with self._changed:
            cost = sum(share.cost for share in shares)
            self._computing -= cost
            self._changed.notify_all()
            self._failures = 0
            speed = len(self._threads) * cost / seconds
            self._speed = speed if not self._speed else _FADING * self._speed + (1 - _FADING) * speed
            start = 0
            for request, first, last in shares:
                stop = start + last - first
                request.done[first] = Answers(answers.values[start:stop], answers.tokens[start:stop])
                request.left -= last - first
                start = stop
                if not request.left:
                    finished.append(request)
            self._expected, self._answered = len(self._queue) + len(finished), time.monotonic()
        return finished

    def _fail(self, share: _Share[Item]) -> None:
        """Count a failure, and remove the rest of its request from the queue."""
        request = share.request
        with self._changed:
            # One request is one failure, whatever it was divided into.
            self._failures += not request.has_failed
            request.has_failed = True
            self._computing -= share.cost
            self._changed.notify_all()
            if request in self._queue:
                self._queue.remove(request)
                self._tokens -= sum(request.costs[request.taken :])


def _ending() -> Refused:
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the server is ending. Send the request again, to another.")


def _resolve(finished: Sequence[tuple[_Queued[Item], Exception | None]]) -> None:
    """Give the answers of requests, or their errors, to the event loop."""

    def give() -> None:
        for request, error in finished:
            if request.future.done():
                continue
            if error is None:
                request.future.set_result(request.answers())
            else:
                request.future.set_exception(error)

    if finished:
        finished[0][0].future.get_loop().call_soon_threadsafe(give)
