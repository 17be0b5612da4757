"""Serves a board over HTTP on the loopback interface, recomputed on request when something has changed."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tcmbench.boards.render import WRITERS, to_html
from tcmbench.errors import TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tcmbench.boards.table import Table

LOOPBACK = "127.0.0.1"
_HOST = re.compile(r"(?i)(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
"""Host names of this machine, with any port, as a tunnel may use another one."""

_MOST_CLIENTS = 100
_REQUEST_SECONDS = 10.0
_TYPES = {
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
    "md": "text/markdown",
    "tex": "text/plain",
}


class Board:
    """The latest state of a board."""

    def __init__(self, state: Callable[[], Hashable], table: Callable[[], Table], *, reload_seconds: int) -> None:
        """Set the functions that detect changes and compute the board.

        Args:
            state: Returns a value that differs when the board does; cheap.
            table: Computes the board from that state.
            reload_seconds: Interval at which the page reloads itself.
        """
        self._state = state
        self._table = table
        self._reload_seconds = reload_seconds
        self._known: Hashable = None
        self._made: Table | None = None
        self._files: dict[str, bytes] = {}
        # One request at a time: two browsers must not compute the same board twice.
        self._lock = threading.Lock()

    def file(self, name: str) -> bytes | None:
        """Return the current file of the board, None when a board has no such file."""
        if name not in WRITERS:
            return None
        with self._lock:
            state = self._state()
            if self._made is None or state != self._known:
                self._made, self._known, self._files = self._table(), state, {}
            if name not in self._files:
                text = (
                    to_html(self._made, reload_seconds=self._reload_seconds)
                    if name == "index.html"
                    else WRITERS[name](self._made)
                )
                self._files[name] = text.encode()
            return self._files[name]


class Listener(ThreadingHTTPServer):
    """Serves each client in a thread; above the limit of clients, the oldest connection is closed."""

    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._clients: dict[int, socket.socket] = {}
        self._clients_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a client's thread."""
        with self._clients_lock:
            self._clients[id(request)] = request
            oldest = next(iter(self._clients.values())) if len(self._clients) > _MOST_CLIENTS else None
            if oldest is not None:
                del self._clients[id(oldest)]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a client's connection."""
        with self._clients_lock:
            self._clients.pop(id(request), None)
        super().shutdown_request(request)


def server(board: Board, *, port: int) -> Listener:
    """Return a server that listens on the loopback interface only; the caller runs and closes it.

    Args:
        board: The served board.
        port: Port; 0 takes any that is free.

    Raises:
        OSError: The port is in use.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answers GET for the board's files and nothing else."""

        timeout = _REQUEST_SECONDS

        def do_GET(self) -> None:
            """Send a file of the board."""
            # A page of another site can make a browser send requests under that site's name (DNS rebinding).
            hosts = self.headers.get_all("Host", [])
            if len(hosts) != 1 or not _HOST.fullmatch(hosts[0].strip()):
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return
            name = self.path.partition("?")[0].removeprefix("/") or "index.html"
            try:
                body = board.file(name)
            except TcmbenchError as error:
                self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", str(error).encode(errors="replace"))
                return
            if body is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self._send(HTTPStatus.OK, _TYPES[name.rpartition(".")[2]], body)

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("X-Frame-Options", "DENY")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Log nothing, as the page sends a request every few seconds."""

    return Listener((LOOPBACK, port), Handler)
