"""Requests in parallel whose results are available one by one, also those that arrive after another one has failed."""

from __future__ import annotations

import itertools
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator

_WAIT_SECONDS = 0.5

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def results(
    function: Callable[[_Item], _Result], items: Iterable[_Item], *, connections: int, ended: threading.Event
) -> Iterator[tuple[int, _Result]]:
    """Yield the place of each item with its result, in the order in which the results arrive.

    After an error no further item is begun; results of those under way are yielded before it is raised.

    Args:
        function: Sends a request; called in threads.
        items: What to send.
        connections: Requests at the same time.
        ended: Set when nobody waits for results any more.
    """
    waiting = iter(enumerate(items))
    running: dict[Future[_Result], int] = {}
    error: BaseException | None = None
    with ThreadPoolExecutor(connections) as pool:
        try:
            for place, item in itertools.islice(waiting, connections):
                running[pool.submit(function, item)] = place
            while running:
                # In pieces: where a library has the system resume what Ctrl-C interrupts, it is noticed between them.
                done, _ = wait(running, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
                arrived = [(running.pop(future), future) for future in done]
                for _, future in arrived:
                    error = error or future.exception()
                if error is None:
                    for place, item in itertools.islice(waiting, len(arrived)):
                        running[pool.submit(function, item)] = place
                for place, future in arrived:
                    if future.exception() is None:
                        yield place, future.result()
        finally:
            ended.set()
    if error is not None:
        raise error
