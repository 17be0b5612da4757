"""Requests that end in time and stay where they were sent.

The timeout of a socket starts again at every byte, so a server that sends one a minute would keep a run for days. And
urllib follows redirects with all headers, the key among them, to whatever host a server names.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.request
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


class Deadline:
    """Closes the connections of a request when its time is up."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        for held in self._sockets:
            held.close()

    def connect(self, *address: Any) -> socket.socket:
        """Return a connection as `socket.create_connection` does, shut down when the time is up."""
        made = socket.create_connection(*address)
        # A duplicate, as TLS takes the socket itself over.
        self._sockets.append(made.dup())
        return made

    def _end(self) -> None:
        self.is_over = True
        for held in self._sockets:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)


def opener(deadline: Deadline, *, is_direct: bool = False) -> urllib.request.OpenerDirector:
    """Return what opens a request under a deadline.

    Without urllib's handler of redirects, one is an HTTPError like any other refusal.

    Args:
        deadline: The deadline.
        is_direct: Whether it goes past any proxy: one of the network can't reach servers on this machine.
    """

    class Plain(http.client.HTTPConnection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._create_connection = deadline.connect

    class Secure(http.client.HTTPSConnection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._create_connection = deadline.connect

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Secure, req)

    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if is_direct else None), PlainHandler(), SecureHandler(),
        urllib.request.UnknownHandler(), urllib.request.HTTPErrorProcessor(), urllib.request.HTTPDefaultErrorHandler(),
    ):  # fmt: skip
        director.add_handler(handler)
    return director
