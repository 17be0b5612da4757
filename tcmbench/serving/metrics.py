"""Figures for Prometheus: requests, batches, tokens and what waits. Labels hold no text and no key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tcmbench.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.serving.batching import Batch

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ITEMS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        """Start all figures at zero.

        Raises:
            MissingExtra: prometheus_client isn't installed.
        """
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise MissingExtra.of("prometheus-client", "serve", purpose="tcmbench serve") from error
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("tcmbench_requests", "Requests.", ("path", "status"), registry=registry)
        self._seconds = Histogram(
            "tcmbench_request_seconds", "Time from a request to its answer.", ("path",), buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._items = Counter("tcmbench_items", "Texts or pairs that were computed.", registry=registry)
        self._tokens = Counter("tcmbench_tokens", "Tokens of those.", registry=registry)
        self._compute = Histogram(
            "tcmbench_batch_seconds", "Time of a batch in the model.", buckets=_SECONDS, registry=registry
        )
        self._batch = Histogram("tcmbench_batch_items", "Texts or pairs per batch.", buckets=_ITEMS, registry=registry)
        self._shared = Histogram("tcmbench_batch_requests", "Requests per batch.", buckets=_ITEMS, registry=registry)
        self._waiting = Gauge("tcmbench_waiting_tokens", "Estimated tokens that wait for a batch.", registry=registry)
        self._info = Gauge("tcmbench_model_info", "The served model.", ("model", "revision", "kind"), registry=registry)

    def describe(self, *, model: str, revision: str, kind: str, waiting: Callable[[], int]) -> None:
        """Set the served model and the function that returns the waiting tokens."""
        self._info.labels(model, revision, kind).set(1)
        self._waiting.set_function(waiting)

    def count_batch(self, batch: Batch) -> None:
        """Count a batch."""
        self._items.inc(batch.items)
        self._tokens.inc(batch.tokens)
        self._compute.observe(batch.seconds)
        self._batch.observe(batch.items)
        self._shared.observe(batch.requests)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return bytes(generate_latest(self._registry))


class CountedRequests:
    """An ASGI application whose requests are counted; unknown paths are counted together."""

    def __init__(self, app: Any, *, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = time.perf_counter()

        async def sent(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.count_request(path, status, time.perf_counter() - began)
