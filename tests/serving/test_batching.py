"""Concurrent requests share batches: each gets its own answers, in its order, and nobody waits for somebody else."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pytest

from tcmbench.errors import EvaluationError
from tcmbench.serving.batching import _WORTH, Answers, Batch, Batching, BatchQueue
from tcmbench.serving.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class Computer:
    """Doubles numbers; it can be held, and fails for negative ones."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self.began = threading.Event()

    def __call__(self, items: Sequence[int]) -> Answers:
        """Return twice each item, and itself as its tokens."""
        self.calls.append(list(items))
        self.began.set()
        assert self.free.wait(60)
        if min(items) < 0:
            raise EvaluationError("a negative number")
        return Answers(2 * np.array(items, dtype=np.float32), np.array(items))


def run(
    computer: Computer,
    use: Callable[[BatchQueue[int]], Awaitable[None]],
    *,
    beside: Sequence[Computer] = (),
    worth: float = 1.0,
    report: Callable[[Batch], None] = lambda _: None,
    **options: float,
) -> None:
    """Use a queue whose items cost what they are."""
    queue: BatchQueue[int] = BatchQueue(
        [computer, *beside],
        cost=lambda item: max(abs(item), 1),
        options=Batching(**{"tokens": 100, "wait": 0.0, **options}),  # type: ignore[arg-type]
        call_tokens=worth / _WORTH,
        report=report,
    )
    queue.start()
    try:
        asyncio.run(asyncio.wait_for(use(queue), 60))
    finally:
        for each in (computer, *beside):
            each.free.set()
        queue.close()
    # What drifts here would make every small request wait.
    assert (queue._computing, queue.waiting_tokens) == (0, 0)


async def _begun(computer: Computer) -> None:
    assert await asyncio.to_thread(computer.began.wait, 60)


async def _held(computer: Computer, queue: BatchQueue[int]) -> asyncio.Task[Answers]:
    """Return the request that the computer is held with, so that all later ones wait."""
    computer.free.clear()
    first = asyncio.create_task(queue.submit([1]))
    await _begun(computer)
    return first


async def _waiting(queue: BatchQueue[int], tokens: int) -> None:
    while queue.waiting_tokens < tokens:
        await asyncio.sleep(0.001)


def test_answers_are_in_the_order_of_the_request() -> None:
    """The queue computes the longest first, and returns what was sent first, first."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        answers = await queue.submit([3, 9, 1, 9, 5])
        assert answers.values.tolist() == [6, 18, 2, 18, 10]
        assert answers.tokens.tolist() == [3, 9, 1, 9, 5]

    run(computer, use)
    assert computer.calls == [[9, 9, 5, 3, 1]]


def test_requests_that_wait_share_a_batch() -> None:
    """What arrives while the model computes is the next batch, and each request gets its own."""
    computer, batches = Computer(), list[Batch]()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        others = [asyncio.create_task(queue.submit([number, 2])) for number in (10, 20, 30)]
        await _waiting(queue, 66)
        computer.free.set()
        assert [(await other).values.tolist() for other in others] == [[20, 4], [40, 4], [60, 4]]
        assert (await first).values.tolist() == [2]

    run(computer, use, report=batches.append)
    assert computer.calls == [[1], [10, 2, 20, 2, 30, 2]]
    assert [(batch.requests, batch.items, batch.tokens) for batch in batches] == [(1, 1, 1), (3, 6, 66)]


def test_a_batch_has_no_more_than_its_tokens() -> None:
    """A request of more is computed in parts; a single item of more is computed alone."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        assert (await queue.submit([60, 250, 40, 60])).values.tolist() == [120, 500, 80, 120]

    run(computer, use)
    assert computer.calls == [[250], [60], [60, 40]]


def test_a_small_request_does_not_wait_for_all_of_a_large_one() -> None:
    """Requests take turns within each batch."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        large = asyncio.create_task(queue.submit([20] * 50))
        await _waiting(queue, 1000)
        small = asyncio.create_task(queue.submit([7]))
        await _waiting(queue, 1007)
        computer.free.set()
        await asyncio.gather(first, large, small)

    run(computer, use)
    assert 7 in computer.calls[1]
    assert sum(map(len, computer.calls)) == 52


def test_a_batch_waits_for_those_that_were_just_answered() -> None:
    """Clients that were answered together come back together; a lone request is computed at once."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        pair = [asyncio.create_task(queue.submit([2])) for _ in range(2)]
        await _waiting(queue, 4)
        computer.free.set()
        await first
        third = asyncio.create_task(queue.submit([3]))
        await asyncio.gather(*pair, third)
        again = asyncio.create_task(queue.submit([4]))
        await asyncio.sleep(0.05)
        assert computer.calls == [[1], [2, 2, 3]]
        await asyncio.gather(again, queue.submit([5]), queue.submit([6]))

    run(computer, use, wait=30.0, worth=100.0)
    assert computer.calls == [[1], [2, 2, 3], [4, 5, 6]]


def test_what_is_worth_a_call_waits_for_nobody() -> None:
    """Two calls' worth of tokens is computed at once, though another client was just answered."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        second = asyncio.create_task(queue.submit([20]))
        await _waiting(queue, 20)
        computer.free.set()
        await asyncio.gather(first, second)

    run(computer, use, wait=1000.0, worth=10.0)
    assert computer.calls == [[1], [20]]


def test_threads_share_what_is_worth_a_call_of_its_own() -> None:
    """A request is computed by both at the same time, and its answers come in its order."""
    both = Computer(), Computer()

    async def use(queue: BatchQueue[int]) -> None:
        for computer in both:
            computer.free.clear()
        request = asyncio.create_task(queue.submit([9, 10, 8, 7]))
        await asyncio.gather(*map(_begun, both))
        # The part with the longest ends last.
        late, early = both if 10 in both[0].calls[0] else both[::-1]
        early.free.set()
        await asyncio.sleep(0.02)
        assert not request.done()
        late.free.set()
        answers = await request
        assert answers.values.tolist() == [18, 20, 16, 14]
        assert answers.tokens.tolist() == [9, 10, 8, 7]

    run(both[0], use, beside=both[1:], worth=10.0)
    assert sorted(computer.calls[0] for computer in both) == [[8, 7], [10, 9]]


def test_what_is_not_worth_a_call_joins_the_next_batch() -> None:
    """A thread that is free leaves it to the one that computes, so that few calls are made."""
    both = Computer(), Computer()

    async def use(queue: BatchQueue[int]) -> None:
        for computer in both:
            computer.free.clear()
        first = asyncio.create_task(queue.submit([5]))
        while not (both[0].calls or both[1].calls):
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(queue.submit([number])) for number in (6, 7)]
        await _waiting(queue, 13)
        for computer in both:
            computer.free.set()
        await asyncio.gather(first, *others)

    run(both[0], use, beside=both[1:], worth=1000.0)
    assert sorted(both[0].calls + both[1].calls) == [[5], [6, 7]]


def test_a_small_request_does_not_wait_for_a_long_batch() -> None:
    """What a batch beside the other would cost is less than the wait."""
    both = Computer(), Computer()
    seconds = []

    async def use(queue: BatchQueue[int]) -> None:
        for computer in both:
            computer.free.clear()
        long = asyncio.create_task(queue.submit([90]))
        while not (both[0].calls or both[1].calls):
            await asyncio.sleep(0.001)
        idle = both[1] if both[0].calls else both[0]
        idle.free.set()
        began = time.monotonic()
        assert (await queue.submit([3])).values.tolist() == [6]
        seconds.append(time.monotonic() - began)
        assert not long.done()
        for computer in both:
            computer.free.set()
        await long

    run(both[0], use, beside=both[1:], worth=1000.0)
    assert 0.1 <= seconds[0] < 10


def test_a_full_batch_does_not_wait_for_another() -> None:
    """Whatever a batch has to be worth: it can't become larger."""
    both = Computer(), Computer()

    async def use(queue: BatchQueue[int]) -> None:
        for computer in both:
            computer.free.clear()
        long = asyncio.create_task(queue.submit([90]))
        while not (both[0].calls or both[1].calls):
            await asyncio.sleep(0.001)
        (both[1] if both[0].calls else both[0]).free.set()
        assert (await queue.submit([60, 40])).values.tolist() == [120, 80]
        assert not long.done()
        for computer in both:
            computer.free.set()
        await long

    with mock.patch("tcmbench.serving.batching._JOINING", 1000.0):
        run(both[0], use, beside=both[1:], worth=math.inf)


def test_a_request_that_finds_the_model_idle_is_computed_at_once() -> None:
    """Also after a batch of many requests: their clients had their time to come back."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        others = [asyncio.create_task(queue.submit([2])) for _ in range(7)]
        await _waiting(queue, 14)
        computer.free.set()
        await asyncio.gather(first, *others)
        await asyncio.sleep(0.6)
        began = time.monotonic()
        await queue.submit([1])
        assert time.monotonic() - began < 0.4

    run(computer, use, wait=0.5, worth=1000.0)


def test_a_request_of_which_a_part_fails_gets_the_error() -> None:
    """The part that another thread computes changes nothing, and the queue goes on."""
    both = Computer(), Computer()

    async def use(queue: BatchQueue[int]) -> None:
        for computer in both:
            computer.free.clear()
        request = asyncio.create_task(queue.submit([-12, 11, -10, -9]))
        await asyncio.gather(*map(_begun, both))
        for computer in both:
            computer.free.set()
        with pytest.raises(EvaluationError, match="negative"):
            await request
        assert queue._failures == 1
        assert (await queue.submit([1])).values.tolist() == [2]
        assert queue.waiting_tokens == 0

    run(both[0], use, beside=both[1:], worth=10.0)


def test_a_full_queue_refuses_with_the_time_to_wait() -> None:
    """429 with Retry-After; a request that is larger than the queue is admitted when nothing waits."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        large = asyncio.create_task(queue.submit([30, 30]))
        await _waiting(queue, 60)
        with pytest.raises(Refused, match="busy: about 60 tokens") as refused:
            await queue.submit([1])
        assert refused.value.status == 429
        assert int(refused.value.headers["Retry-After"]) >= 1
        computer.free.set()
        await asyncio.gather(first, large)
        assert (await queue.submit([1])).values.tolist() == [2]

    run(computer, use, waiting_tokens=50)


def test_only_the_request_that_fails_gets_the_error() -> None:
    """The others of its batch are computed again, without it; the queue goes on."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        good, bad = asyncio.create_task(queue.submit([5])), asyncio.create_task(queue.submit([-5, 1]))
        await _waiting(queue, 11)
        computer.free.set()
        assert (await good).values.tolist() == [10]
        with pytest.raises(EvaluationError, match="negative"):
            await bad
        await first
        assert queue.is_healthy
        assert queue.waiting_tokens == 0

    run(computer, use)


def test_three_failures_in_a_row_are_ill_health() -> None:
    """A model that fails for everything is reported; one good batch heals it."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        for _ in range(3):
            with pytest.raises(EvaluationError):
                await queue.submit([-1])
        assert not queue.is_healthy
        await queue.submit([1])
        assert queue.is_healthy

    run(computer, use)


def test_a_request_whose_client_is_gone_is_not_computed() -> None:
    """A cancelled request leaves the queue."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        gone = asyncio.create_task(queue.submit([8]))
        await _waiting(queue, 8)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        computer.free.set()
        await first
        await queue.submit([3])
        assert queue.waiting_tokens == 0

    run(computer, use)
    assert computer.calls == [[1], [3]]


def test_the_end_refuses_what_waits() -> None:
    """The current batch is answered; the others can go to another server."""
    computer = Computer()

    async def use(queue: BatchQueue[int]) -> None:
        first = await _held(computer, queue)
        late = asyncio.create_task(queue.submit([8]))
        await _waiting(queue, 8)
        ending = asyncio.create_task(asyncio.to_thread(queue.close))
        while not queue._is_closed:
            await asyncio.sleep(0.001)
        computer.free.set()
        await ending
        assert (await first).values.tolist() == [2]
        for refused in (late, queue.submit([1])):
            with pytest.raises(Refused, match="ending") as error:
                await refused
            assert error.value.status == 503

    run(computer, use)
