"""A server that lies, stalls, floods or sends elsewhere costs an error in time, and gets nobody else's secrets."""

from __future__ import annotations

import email.utils
import json
import logging
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tcmbench import redaction
from tcmbench.encoders import _http
from tcmbench.encoders._http import Server
from tcmbench.errors import EvaluationError, ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLANT = "pl4nted-Secret"


class Listener(NamedTuple):
    """A server of one test."""

    port: int

    heard: list[bytes]
    """The requests, heads and bodies."""


@pytest.fixture(autouse=True)
def _nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test learns is forgotten, and no proxy is asked."""
    monkeypatch.setattr(redaction, "_learned", set())
    monkeypatch.setenv("no_proxy", "*")


@contextmanager
def listening(respond: Callable[[socket.socket], None]) -> Iterator[Listener]:
    """Give a server that reads a request whole and then does what it is given."""
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            request = b""
            while (end := request.find(b"\r\n\r\n")) < 0 or len(request) < end + 4 + _length(request):
                request += connection.recv(65536) or b"\r\n\r\n"
            heard.append(request)
            with_suppressed(respond, connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield Listener(server.getsockname()[1], heard)
        server.shutdown(socket.SHUT_RDWR)


def with_suppressed(respond: Callable[[socket.socket], None], connection: socket.socket) -> None:
    """Respond; the other side may hang up."""
    try:
        respond(connection)
    except OSError:
        return


def _length(request: bytes) -> int:
    lines = [line for line in request.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(lines[0].partition(b":")[2]) if lines else 0


def answer(body: bytes, *, code: str = "200 OK", head: str = "") -> Callable[[socket.socket], None]:
    """Return a respond that answers a body."""
    whole = f"HTTP/1.1 {code}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n".encode() + body
    return lambda connection: connection.sendall(whole)


def server(
    port: int,
    *,
    url: str = "http://127.0.0.1:{}/v1",
    key: str = "",
    seconds: float = 5,
    patience: float = 0,
    pause: float = 0.0,
) -> Server:
    """Return the server as the endpoint has it."""
    return Server(url.format(port), key, "SOME_KEY", seconds, patience, pause)


def test_an_answer_is_json() -> None:
    """And a request is too, to the address with its query, under the key."""
    with listening(answer(b'{"a": [1]}')) as heard:
        asked = server(heard.port, url="http://127.0.0.1:{}/v1/?api-version=1", key=PLANT)
        assert asked.post("/embeddings", {"text": "证"}, texts=1) == {"a": [1]}
    head, _, body = heard.heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/embeddings?api-version=1 HTTP/1.1\r\n")
    assert f"Authorization: Bearer {PLANT}".encode() in head
    assert json.loads(body) == {"text": "证"}


def test_a_user_of_the_address_is_sent_as_such() -> None:
    """As every browser does it."""
    with listening(answer(b"1")) as heard:
        server(heard.port, url=f"http://us%40er:{PLANT}@127.0.0.1:{{}}/v 1").post("/rerank", {}, texts=1)
    assert heard.heard[0].startswith(b"POST /v%201/rerank ")
    assert b"Authorization: Basic dXNAZXI6cGw0bnRlZC1TZWNyZXQ=" in heard.heard[0]


@pytest.mark.parametrize("code", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "where", ["http://127.0.0.1:{}/v1/embeddings", "https://elsewhere.example/?k=v", "/v2", "http://["]
)
def test_no_request_follows_a_redirect(code: int, where: str) -> None:
    """To another host, port or scheme it would carry the key along; the message says where it leads."""
    moved = rf"redirects the request \({code}\) to .*write its address as"
    with (
        listening(answer(b"{}")) as other,
        listening(answer(b"", code=f"{code} Moved", head=f"Location: {where.format(other.port)}\r\n")) as heard,
    ):
        with pytest.raises(EvaluationError, match=moved):
            server(heard.port, key=PLANT).post("/embeddings", {}, texts=1)
        assert len(heard.heard) == 1
        assert other.heard == []


ECHOES = {
    "JSON": lambda sent: json.dumps({"error": {"message": f"Incorrect key provided: {sent}"}}),
    "page": lambda sent: f"<html><body><h1>401</h1>{'x' * 170}<pre>Authorization: {sent}</pre></body></html>",
    "words": lambda sent: f"::error::no {sent}\n{sent}",
}


@pytest.mark.parametrize("kind", ECHOES)
@pytest.mark.parametrize("code", ["401 Unauthorized", "400 Bad Request", "503 Busy"])
def test_words_of_a_server_are_told_without_what_it_was_sent(
    kind: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Key, password, query and fields of the request; on one line, and no longer than is useful."""
    sent = [f"{PLANT}-{part}" for part in ("key", "user", "query", "body", "fragment")]
    body = {"api_key": sent[3], "headers": {"Authorization": [f"Bearer {sent[3]}"]}}
    said = ECHOES[kind](" ".join(sent)).encode()
    with listening(answer(said, code=code)) as heard, caplog.at_level(logging.DEBUG):
        url = f"http://{sent[1]}@127.0.0.1:{{}}/v1?key={sent[2]}#{sent[4]}"
        with pytest.raises((ModelAbsent, EvaluationError)) as refused:
            server(heard.port, url=url, key=sent[0], patience=0.05).post("/embeddings", body, texts=1)
    told = str(refused.value) + caplog.text
    assert PLANT not in told
    assert "pl4n" not in told
    assert "\n" not in str(refused.value)
    assert f"http://127.0.0.1:{heard.port}/v1/embeddings" in str(refused.value)
    assert len(str(refused.value)) < 500


def test_nobody_there_is_told_without_secrets() -> None:
    """The address is, and what to do."""
    with pytest.raises(
        ModelAbsent, match=r"^http://127\.0\.0\.1:1/v1/embeddings: no answer .*Start the server"
    ) as told:
        server(1, url=f"http://u:{PLANT}@127.0.0.1:{{}}/v1?token={PLANT}").post("/embeddings", {}, texts=1)
    assert PLANT not in str(told.value)
    assert PLANT not in repr(server(1, key=PLANT))


def _drip(connection: socket.socket, start: bytes = b"") -> None:
    connection.sendall(start)
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize(
    "start",
    [
        b"", b"HTTP/1.1 200 OK\r\nX-Slow:", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\n\r\n",
    ],
    ids=["status", "head", "body", "refusal"],
)  # fmt: skip
def test_an_answer_that_drips_ends_in_time(start: bytes) -> None:
    """The time counts for the whole answer: a byte now and then doesn't start it again."""
    begin = time.monotonic()
    with (
        listening(lambda connection: _drip(connection, start)) as heard,
        pytest.raises(ModelAbsent, match=r"no whole answer|503"),
    ):
        server(heard.port, seconds=0.5).post("/embeddings", {}, texts=1)
    assert time.monotonic() - begin < 4


def test_a_silent_server_ends_in_time() -> None:
    """It takes the connection and says nothing."""
    begin = time.monotonic()
    with listening(lambda _: time.sleep(5)) as heard, pytest.raises(ModelAbsent, match=r"no (whole )?answer"):
        server(heard.port, seconds=0.3).post("/embeddings", {}, texts=1)
    assert time.monotonic() - begin < 4


def test_an_answer_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood ends at what so many vectors can take, whatever length it announces."""
    monkeypatch.setattr(_http, "_LARGEST_BASE", 1000)
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)
            sent += 65536

    with listening(flood) as heard, pytest.raises(EvaluationError, match="at most 525,288 bytes, got more"):
        server(heard.port).post("/embeddings", {}, texts=2)
    assert sent < 64 << 20


@pytest.mark.parametrize(
    "body", [b"[" * 500_000, b'{"a":' * 100_000, b"<html>", b"", b"\xff\xfe", b"1" * 5000], ids=range(6)
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Also what is nested too deep; its bytes are not repeated."""
    with (
        listening(answer(body)) as heard,
        pytest.raises(EvaluationError, match="expected JSON, got something else") as told,
    ):
        server(heard.port).post("/embeddings", {}, texts=1)
    assert len(str(told.value)) < 300


def test_odd_heads_are_no_traceback() -> None:
    """A date for a number, a status line that is none, a length that isn't there."""
    odd = [b"\x1b]0;x\x07\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b""]
    answers = [answer(b"", code="503 Busy", head="Retry-After: \xb2\r\n")]
    for respond in [*answers, *(lambda connection, start=start: connection.sendall(start) for start in odd)]:
        with listening(respond) as heard, pytest.raises((ModelAbsent, EvaluationError)):
            server(heard.port, patience=0.05).post("/embeddings", {}, texts=1)


def _in_turn(*answers: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Return a respond that answers each request in another way."""
    left = iter(answers)

    def respond(connection: socket.socket) -> None:
        next(left)(connection)

    return respond


def test_a_server_that_starts_again_is_waited_for() -> None:
    """Patience is a time, not a number of tries: a restart of a second doesn't end it."""
    down = [answer(b"", code="503 Busy")] * 4
    with listening(_in_turn(*down, answer(b"[1]"))) as heard:
        assert server(heard.port, patience=30).post("/embeddings", {}, texts=1) == [1]
    assert len(heard.heard) == 5


def test_a_server_that_hangs_ends_with_patience() -> None:
    """A second try has only the time that is left."""
    begin = time.monotonic()
    with (
        listening(_in_turn(answer(b"", code="503 Busy"), *[lambda _: time.sleep(8)] * 9)) as heard,
        pytest.raises(ModelAbsent, match=r"no (whole )?answer .*, tried for [12] seconds"),
    ):
        server(heard.port, patience=1.5).post("/embeddings", {}, texts=1)
    assert 1.4 <= time.monotonic() - begin < 5


def test_an_address_that_nobody_answers_at_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be mistyped, for which five minutes are too long."""
    monkeypatch.setattr(_http, "_UNKNOWN_PATIENCE", 0.2)
    begin = time.monotonic()
    with pytest.raises(ModelAbsent, match="Start the server"):
        server(1, patience=300).post("/embeddings", {}, texts=1)
    assert time.monotonic() - begin < 5


def test_retry_after_may_be_a_date() -> None:
    """Of the near future, waited for; of the far one, said at once."""
    soon, late = (email.utils.formatdate(time.time() + seconds, usegmt=True) for seconds in (2, 7200))
    begin = time.monotonic()
    with listening(_in_turn(answer(b"", code="503 Busy", head=f"Retry-After: {soon}\r\n"), answer(b"[1]"))) as heard:
        assert server(heard.port, patience=30).post("/embeddings", {}, texts=1) == [1]
    assert 0.5 < time.monotonic() - begin < 10
    with (
        listening(answer(b"", code="429 Too Many", head=f"Retry-After: {late}\r\n")) as heard,
        pytest.raises(ModelAbsent, match=r"asks to wait for 7[12]\d\d seconds, more than `patience` \(30\)"),
    ):
        server(heard.port, patience=30).post("/embeddings", {}, texts=1)


@pytest.mark.parametrize("stated", ["0", email.utils.formatdate(0, usegmt=True)])
def test_retry_after_that_names_no_pause_leaves_the_own_one(stated: str) -> None:
    """A busy server, or one whose clock is late, isn't asked in a loop."""
    busy = answer(b"", code="503 Busy", head=f"Retry-After: {stated}\r\n")
    begin = time.monotonic()
    with listening(_in_turn(busy, busy, answer(b"[1]"))) as heard:
        assert server(heard.port, patience=30, pause=0.2).post("/embeddings", {}, texts=1) == [1]
    assert time.monotonic() - begin > 0.2 + 0.4


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_comes_before_this_machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A proxy of the network would look for the server on its own machine."""
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with listening(answer(b"[1]")) as heard:
        assert server(heard.port).post("/embeddings", {}, texts=1) == [1]


def test_another_machine_is_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other program does it."""
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with listening(answer(b"[1]")) as heard:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{heard.port}")
        assert server(80, url="http://model.example:{}/v1").post("/embeddings", {}, texts=1) == [1]
    assert heard.heard[0].startswith(b"POST http://model.example:80/v1/embeddings ")
