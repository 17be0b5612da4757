"""Access, bounds and figures of the application, whatever the dialect."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.errors import ModelAbsent, SpecError, TcmbenchError
from tcmbench.serving import access, app, server
from tcmbench.serving.batching import Batching
from tcmbench.serving.limits import Limits
from tcmbench.serving.refusals import Refused
from tests.serving import fake

if TYPE_CHECKING:
    from starlette.testclient import TestClient

fake.require()

JSON = {"Content-Type": "application/json"}
KEY = "sk-0123456789abcdef0123"


def post(client: TestClient, path: str = "/v1/embeddings", *, headers: Any = None, **body: Any) -> Any:
    """Return the response to a request of one text."""
    return client.post(path, json=body or {"input": "咳嗽"}, headers=headers)


def test_a_key_is_required_everywhere_but_for_health() -> None:
    """Without it, or with another, nothing but the probe of a container is answered."""
    with fake.client(fake.embedding(), key=KEY, is_local=False) as client:
        assert client.get("/health").status_code == 200
        for path in ("/v1/models", "/info", "/metrics", "/openapi.json", "/nowhere"):
            assert client.get(path).status_code == 401
        for sent in (None, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"X-Api-Key": KEY}):
            refused = post(client, headers=sent)
            assert refused.status_code == 401
            assert refused.json()["error"]["type"] == "authentication_error"
        assert post(client, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
        metrics = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    assert KEY not in metrics


def test_what_nobody_waits_for_is_given_up() -> None:
    """A client that hangs up takes its request out of the queue."""

    class Hanging:
        """A request whose client closes the connection once its body was read."""

        async def receive(self) -> dict[str, str]:
            return {"type": "http.disconnect"}

    async def hang_up() -> bool:
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        request: Any = Hanging()
        with pytest.raises(Refused, match="closed the connection"):
            await app._while_connected(request, waiting)
        return waiting.cancelled()

    assert asyncio.run(hang_up())


def test_half_of_a_character_is_the_request_s_fault() -> None:
    """A cut through an emoji is no failure of the model, which stays healthy."""
    with fake.client(fake.embedding()) as client:
        for _ in range(3):
            sent = client.post("/v1/embeddings", content=b'{"input": "\\ud83d"}', headers=JSON)
            assert sent.status_code == 400
            assert "half of one" in sent.json()["error"]["message"]
        assert client.get("/health").status_code == 200


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable without a usable value is an error, whose message doesn't contain it."""
    monkeypatch.setenv("SERVE_KEY", KEY)
    assert (access.key_of("SERVE_KEY"), access.key_of("")) == (KEY, "")
    monkeypatch.setenv("SERVE_KEY", "two words")
    with pytest.raises(ModelAbsent, match="printable ASCII") as error:
        access.key_of("SERVE_KEY")
    assert "two words" not in str(error.value)
    monkeypatch.delenv("SERVE_KEY")
    with pytest.raises(ModelAbsent, match="got nothing"):
        access.key_of("SERVE_KEY")


def test_an_address_of_the_network_needs_a_key() -> None:
    """Unless everyone is allowed expressly."""
    for host in ("127.0.0.1", "::1", "localhost", "127.3.2.1"):
        access.require_key(host, "", is_open=False)
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):  # noqa: S104 - nothing is bound
        with pytest.raises(SpecError, match="--api-key-env"):
            access.require_key(host, "", is_open=False)
        access.require_key(host, KEY, is_open=False)
        access.require_key(host, "", is_open=True)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""])
def test_pages_of_other_sites_reach_nothing(host: str) -> None:
    """A name of another machine is refused, and so is a body that a page can send without being asked first."""
    with fake.client(fake.embedding()) as client:
        assert post(client, headers={"Host": host}).status_code == 421
        assert client.get("/info", headers={"Host": host}).status_code == 421
        sent = client.post("/embed", content=b'{"text": "a"}', headers={"Content-Type": "text/plain"})
        assert sent.status_code == 415


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "expected a body in JSON"),
        (b"[1]", "expected an object"),
        (b'{"input": "a", "input": "b"}', "DuplicateKey"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"input": "\xff"}', "UnicodeDecodeError"),
    ],
)
def test_a_body_that_is_no_request(body: bytes, words: str) -> None:
    """Is refused with 400, whatever it is."""
    with fake.client(fake.embedding()) as client:
        response = client.post("/v1/embeddings", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


def test_bounds_of_a_request() -> None:
    """Body, number of texts, characters per text."""
    with fake.client(fake.embedding(limits=Limits(body_bytes=200, texts=3, characters=10))) as client:
        assert post(client, input=["a"] * 3).status_code == 200
        too_many, too_long, too_large = (
            post(client, input=["a"] * 4),
            post(client, input="a" * 11),
            post(client, input=["a" * 10] * 3, user="u" * 200),
        )
        streamed = client.post("/v1/embeddings", content=iter([b" " * 150] * 2),
                               headers={"Content-Type": "application/json"})  # fmt: skip
        pair = post(client, "/score", query="a" * 11, doc="a")
    assert [one.status_code for one in (too_many, too_long, too_large, streamed, pair)] == [413] * 5
    assert "at most 3 texts per request, got 4" in too_many.json()["error"]["message"]
    assert "at most 10 characters per text, got 11" in too_long.json()["error"]["message"]
    assert "at most 200 bytes" in streamed.json()["error"]["message"]


def test_a_full_server_answers_429_with_retry_after() -> None:
    """The header is what clients wait for."""
    service = fake.embedding(batching=Batching(waiting_tokens=1))
    with fake.client(service) as client:
        service.queue._tokens = 5
        busy = post(client)
        service.queue._tokens = 0
        assert post(client).status_code == 200
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    assert busy.json()["error"]["type"] == "rate_limit_error"


def test_invalid_vectors_are_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """NaN is refused as in evaluation, and no text is logged or repeated."""
    caplog.set_level(logging.DEBUG)
    with fake.client(fake.embedding()) as client:
        bad = [post(client, input=["坏", "主诉咳嗽"]) for _ in range(3)]
        assert client.get("/health").status_code == 503
        assert post(client).status_code == 200
        assert client.get("/health").json() == {"status": "ok"}
    assert {one.status_code for one in bad} == {500}
    assert "NaN or infinity" in bad[0].json()["error"]["message"]
    assert "主诉" not in bad[0].text + caplog.text


def test_an_error_of_a_library_shows_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """Its message may contain one, so only its kind is told."""
    encoder = fake.FakeEncoder()
    service = fake.embedding(encoder)

    def fail(texts: Any) -> Any:
        raise RuntimeError(f"can't read {texts}")

    encoder.encode_texts = fail  # type: ignore[method-assign]
    with fake.client(service) as client:
        got = post(client, input="主诉咳嗽")
    assert (got.status_code, got.json()["error"]["message"]) == (500, "the model failed: RuntimeError")
    assert "主诉" not in caplog.text


def test_info_says_what_is_served() -> None:
    """TEI's fields and our own; a base has neither set nor verdict."""
    with fake.client(fake.embedding()) as client:
        said = client.get("/info").json()
    expected = {
        "model_id": "fake", "model_sha": "abc", "max_input_length": 20, "kind": "embedding", "dimensions": 4,
        "prompts": {"query": "查询：", "document": "文献：", "text": "句子："}, "revision": "abc", "base": "fake",
        "set": None, "gate": None, "max_batch_tokens": 64, "auto_truncate": True,
    }  # fmt: skip
    assert {name: said[name] for name in expected} == expected
    with fake.client(fake.reranker()) as client:
        said = client.get("/info").json()
    assert (said["kind"], said["instruction"], said["dimensions"]) == ("reranker", "检索", None)


def test_metrics_count_requests_batches_and_tokens() -> None:
    """In the text format of Prometheus; paths that don't exist share a label."""
    with fake.client(fake.embedding()) as client:
        post(client, input=["咳嗽", "头痛三日"])
        post(client, input=[])
        client.get("/wp-login.php")
        said = client.get("/metrics")
    lines = dict(line.rsplit(" ", 1) for line in said.text.splitlines() if not line.startswith("#"))
    assert said.headers["content-type"].startswith("text/plain")
    assert lines['tcmbench_requests_total{path="/v1/embeddings",status="200"}'] == "1.0"
    assert lines['tcmbench_requests_total{path="/v1/embeddings",status="400"}'] == "1.0"
    assert lines['tcmbench_requests_total{path="other",status="404"}'] == "1.0"
    assert (lines["tcmbench_items_total"], lines["tcmbench_tokens_total"]) == ("2.0", "6.0")
    assert lines['tcmbench_model_info{kind="embedding",model="fake",revision="abc"}'] == "1.0"
    assert "wp-login" not in said.text


def test_a_taken_port_is_an_error_before_the_model_is_loaded() -> None:
    """The message names the option."""
    with server.bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        taken = f"port {port} of 127.0.0.1 is not available.*--port"
        with pytest.raises(TcmbenchError, match=taken), server.bound("127.0.0.1", port):
            pass
