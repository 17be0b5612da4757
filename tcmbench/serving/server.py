"""A listening address, from the model's name to the end of the last request."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING, Any

from tcmbench.errors import MissingExtra, TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PORTS = {"embedding": 8001, "baseline": 8001, "reranker": 8002}
"""Kind of base → port, unless the user names another."""

_MOST_CONNECTIONS = 1024
_BACKLOG = 512
_IDLE_SECONDS = 30
_END_SECONDS = 30
"""Requests that were accepted may take so long when the server ends."""


def require_installed() -> None:
    """Check that the packages of the extra are there.

    Raises:
        MissingExtra: One isn't.
    """
    import importlib.util

    for module, package in (("fastapi", "fastapi"), ("uvicorn", "uvicorn"), ("prometheus_client", "prometheus-client")):
        if importlib.util.find_spec(module) is None:
            raise MissingExtra.of(package, "serve", purpose="tcmbench serve")


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """Bind an address, before a model is loaded for it; nobody can connect yet.

    Raises:
        TcmbenchError: It isn't available.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unavailable(host, port, error) from error
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
        except OSError as error:
            raise _unavailable(host, port, error) from error
        yield listening


def run(app: Any, listening: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests that were accepted are answered first.

    Args:
        app: The ASGI application.
        listening: A bound socket.
        ready: Called as soon as clients can connect.
    """
    import uvicorn

    class ReadyServer(uvicorn.Server):
        """Calls `ready` after its start."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Start to listen."""
            await super().startup(sockets)
            if self.started:
                ready()

    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=_BACKLOG,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_END_SECONDS,
        lifespan="on",
        ws="none",
    )
    # uvicorn raises the signal again when it has ended; to end by it is what was asked for, and no error.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ReadyServer(config).run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)


def _unavailable(host: str, port: int, error: OSError) -> TcmbenchError:
    return TcmbenchError(
        f"port {port} of {host} is not available: {error.strerror}. Choose another with --port, or 0 for any."
    )
