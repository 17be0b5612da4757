"""A limit on requests per minute that all threads of a run share."""

from __future__ import annotations

import threading
import time


class Pace:
    """Spaces requests evenly; a call returns once the next request may be sent."""

    def __init__(self, per_minute: float) -> None:
        self._gap = 60.0 / per_minute
        self._next = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Wait for the next slot, which no other caller gets."""
        with self._lock:
            start = max(time.monotonic(), self._next)
            self._next = start + self._gap
        time.sleep(max(0.0, start - time.monotonic()))
