"""A board over HTTP: only for this machine, only its own files, and always the latest state."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tcmbench.boards import serve
from tcmbench.boards.build import Options, build
from tcmbench.boards.serve import LOOPBACK, Board, server
from tcmbench.errors import StoreError

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.boards.table import Table


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: str


class Run:
    """A run whose state the test sets."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.state = "first"
        self.made = 0
        self.failure: StoreError | None = None

    def look(self) -> str:
        """Return the state, or fail."""
        if self.failure is not None:
            raise self.failure
        return self.state

    def work_out(self) -> Table:
        """Count how often the board is worked out."""
        self.made += 1
        return self.table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a small table."""
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=2, columns=4, items=30, seeds=1))
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


@pytest.fixture
def run(table: Table) -> Run:
    """Return a run."""
    return Run(table)


@pytest.fixture
def port(run: Run) -> Iterator[int]:
    """Return the port that the run's board is served on."""
    with server(Board(run.look, run.work_out, reload_seconds=7), port=0) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(listening.server_address[1])
        listening.shutdown()
        thread.join()


def get(port: int, path: str, *, host: str = LOOPBACK) -> Answer:
    """Ask for a path under a name."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    found = connection.getresponse()
    answer = Answer(found.status, found.read().decode())
    connection.close()
    return answer


def test_page_reloads_itself_and_data_lies_beside_it(port: int) -> None:
    """The page says that it is live and reloads; its links lead to the same board."""
    page = get(port, "/")
    assert page.status == 200
    assert 'data-reload="7"' in page.body
    assert "LIVE" in page.body
    assert get(port, "/scores.csv").body.startswith("model,")
    assert get(port, "/scores.json").body.startswith("{")


def test_board_is_worked_out_once_a_state(port: int, run: Run) -> None:
    """Looking again costs nothing until something changed."""
    for path in ("/", "/", "/scores.csv"):
        assert get(port, path).status == 200
    assert run.made == 1
    run.state = "second"
    assert get(port, "/").status == 200
    assert run.made == 2


def test_nothing_but_the_board_is_served(port: int) -> None:
    """Neither other files nor other names for this machine get an answer."""
    assert get(port, "/../pyproject.toml").status == 404
    assert get(port, "/etc/passwd").status == 404
    assert get(port, "/", host="elsewhere.example").status == 421
    assert get(port, "/", host="localhost").status == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8765", "[::1]", "[::1]:8765", "localhost:65535"]
)
def test_every_name_of_this_machine_is_answered(port: int, host: str) -> None:
    """With a port, that of a tunnel too, and without."""
    assert ask(port, f"GET /scores.json HTTP/1.1\r\nHost: {host}\r\n\r\n").startswith("HTTP/1.0 200")


@pytest.mark.parametrize(
    "head",
    [
        "", "Host:\r\n", "Host: evil.example\r\n", "Host: localhost.evil.example:80\r\n",
        "Host: evil.example:localhost\r\n", "Host: localhost@evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n", "Host: 0.0.0.0:80\r\n", "Host: [::]:80\r\n",
        "Host: localhost\r\nHost: evil.example\r\n", "Host: localhost:80:80\r\n",
    ],
)  # fmt: skip
def test_every_other_name_is_refused(port: int, head: str) -> None:
    """A page of another site can have its own name lead here (DNS rebinding); it gets no score."""
    assert ask(port, f"GET /scores.json HTTP/1.1\r\n{head}\r\n").startswith("HTTP/1.0 421")


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "//etc/passwd", "/%2e%2e/x", "/index.html/", "/./scores.csv", "/scores.csv%00", "/\\..\\x"],
)
def test_no_path_leads_out(port: int, path: str) -> None:
    """Only the names of a board's files are known."""
    assert ask(port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith("HTTP/1.0 404")


def ask(port: int, request: str) -> str:
    """Return what is answered to the bytes of a request."""
    with socket.create_connection((LOOPBACK, port), timeout=120) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").read().decode()


def test_clients_that_say_nothing_stop_nobody(port: int) -> None:
    """300 of them, silent or in the middle of a request, and a browser still gets the page."""
    with contextlib.ExitStack() as stack:
        for number in range(300):
            idle = stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=120))
            idle.sendall(b"GET / HTTP/1.1\r\nHost: loc"[: number % 30])
        assert get(port, "/").status == 200
        assert threading.active_count() < 150
    assert get(port, "/scores.csv").status == 200


def test_a_client_that_says_nothing_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, as its thread is wanted."""
    monkeypatch.setattr(serve, "_REQUEST_SECONDS", 0.1)
    other = server(Board(lambda: 0, lambda: pytest.fail("nothing was asked for"), reload_seconds=1), port=0)
    with other, socket.create_connection(other.server_address[:2], timeout=20) as connection:
        threading.Thread(target=other.handle_request).start()
        assert connection.recv(1) == b""


def test_answers_are_for_this_page_alone(port: int) -> None:
    """Pages of other sites can neither frame the board nor read it as a script."""
    answer = ask(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for head in (
        "Cross-Origin-Resource-Policy: same-origin",
        "X-Frame-Options: DENY",
        "X-Content-Type-Options: nosniff",
    ):
        assert f"\r\n{head}\r\n" in answer


def test_a_failure_is_told_and_the_server_lives_on(port: int, run: Run) -> None:
    """A damaged store is said in words; the next look works again."""
    run.failure = StoreError("score.json: not a score that tcmbench wrote")
    answer = get(port, "/")
    assert answer == Answer(500, "score.json: not a score that tcmbench wrote")
    run.failure = None
    assert get(port, "/").status == 200
