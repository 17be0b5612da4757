"""Answers of chat models: asked once, stored by what was asked, and no key anywhere."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.generation import chat as chat_module
from tcmbench.generation.pace import Pace
from tcmbench.store import Store
from tests.generation.toy import chat
from tests.model_server import Model, server

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server"]

PROMPTS = [f"第{n}问" for n in range(5)]
KEY = "pl4nted-Key-0123456789"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests is asked directly."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def test_equal_prompts_are_asked_once_and_answered_in_order(server: Model, store: Store) -> None:
    """And never again, under whatever address the model is served."""
    server.chat = lambda prompt: prompt[::-1]
    first = chat(server, store)
    answers = first.answers([*PROMPTS, PROMPTS[0]])
    assert [answer.text for answer in answers] == [prompt[::-1] for prompt in [*PROMPTS, PROMPTS[0]]]
    assert len(server.seen) == len(PROMPTS)
    assert dict(first.costs) == {
        "requests": 5, "cached": 0, "tokens_in": 15, "tokens_out": 15, "cached_tokens_in": 0, "cached_tokens_out": 0,
        "uncounted": 0,
    }  # fmt: skip
    moved = chat(server, store, url=server.url.replace("127.0.0.1", "localhost") + "/", api_key_env="")
    assert moved.answers(PROMPTS) == answers[:5]
    assert len(server.seen) == len(PROMPTS)
    assert (moved.costs["requests"], moved.costs["cached"], moved.costs["cached_tokens_in"]) == (0, 5, 15)


@pytest.mark.parametrize("other", [{"name": "n"}, {"temperature": 0.1}, {"seed": 1}, {"max_tokens": 7}], ids=str)
def test_what_an_answer_depends_on_is_in_its_key(server: Model, store: Store, other: dict[str, Any]) -> None:
    """Another model, temperature, seed or length is asked anew, and is what the server gets."""
    chat(server, store).answers(PROMPTS[:1])
    chat(server, store, **other).answers(PROMPTS[:1])
    sent = [{name: body.get(name) for name in ("model", "temperature", "seed", "max_tokens")} for body in server.seen]
    assert sent[0] == {"model": "m", "temperature": 0.7, "seed": 0, "max_tokens": None}
    assert sent[1] == {**sent[0], **{"model" if name == "name" else name: value for name, value in other.items()}}


@pytest.mark.parametrize(
    ("choice", "ending", "text"),
    [
        ({"message": {"content": "好"}, "finish_reason": "stop"}, "whole", "好"),
        ({"message": {"content": "好"}, "finish_reason": "length"}, "cut_off", "好"),
        ({"message": {"content": ""}, "finish_reason": "length"}, "cut_off", ""),
        ({"message": {"content": "好"}, "finish_reason": "content_filter"}, "refused", ""),
        ({"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}, "refused", ""),
        ({"message": {"content": " "}, "finish_reason": "stop"}, "refused", ""),
    ],
)
def test_endings_are_told_apart(server: Model, store: Store, choice: dict[str, Any], ending: str, text: str) -> None:
    """A refusal and an answer that was cut off are no answers."""
    server.chat = lambda _: choice
    (answer,) = chat(server, store).answers(["问"])
    assert (answer.ending, answer.text) == (ending, text)


@pytest.mark.parametrize(
    "said",
    [
        {}, [], "text", {"choices": []}, {"choices": [{}]}, {"choices": [{"message": {"content": 3}}]},
        {"choices": [{"message": "text"}]}, {"choices": [{"message": {"content": "a"}}], "usage": [1]},
        {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": "many"}},
    ],
    ids=str,
)  # fmt: skip
def test_answers_of_another_shape_are_refused_and_not_stored(server: Model, store: Store, said: Any) -> None:
    """With what was expected."""
    server.answer = said
    with pytest.raises(EvaluationError, match="/v1/chat/completions: expected `choices`"):
        chat(server, store).answers(["问"])
    assert list(store.root.rglob("answer.json")) == []


def test_tokens_that_are_not_stated_are_counted_as_such(server: Model, store: Store) -> None:
    """A zero would look like a measurement."""
    server.answer = {"choices": [{"message": {"content": "好"}, "finish_reason": "stop"}]}
    asked = chat(server, store)
    asked.answers(["问"])
    assert (asked.costs["uncounted"], asked.costs["tokens_in"]) == (1, 0)


def test_a_busy_server_is_asked_when_it_says(server: Model, store: Store) -> None:
    """Retry-After comes before the pause that doubles."""
    server.failures, server.retry_after = [429, 429], "1"
    begin = time.monotonic()
    asked = chat(server, store, parallel=1, pause=30.0, patience=20.0)
    asked.answers(["问"])
    assert 2.0 <= time.monotonic() - begin < 20.0
    assert (len(server.seen), asked.costs["requests"]) == (3, 1)


def test_an_error_ends_the_run_and_keeps_the_answers(server: Model, store: Store) -> None:
    """No further request is sent after it; what came before is stored."""

    def refusing(prompt: str) -> str:
        if prompt == PROMPTS[2]:
            server.failures = [400] * 99
        return prompt

    server.chat = refusing
    with pytest.raises(EvaluationError, match="refuses the request: 400"):
        chat(server, store, parallel=1).answers(PROMPTS)
    assert len(server.seen) == 4
    server.failures = []
    server.seen.clear()
    chat(server, store, parallel=1).answers(PROMPTS)
    assert [body["messages"][0]["content"] for body in server.seen] == PROMPTS[3:]


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "%s", "code": "content_filter"}}' % ("filtered " * 60),
        '{"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}',
        '{"error": {"message": "Content Exists Risk", "type": "invalid_request_error"}}',
        '{"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}',
    ],
)
def test_a_filter_of_contents_is_a_refusal_to_answer(server: Model, store: Store, body: str) -> None:
    """It concerns one prompt: the run goes on, and the prompt isn't sent again."""
    server.failures, server.raw = [400], body.encode()
    (answer,) = chat(server, store).answers(["问"])
    assert (answer.ending, answer.text) == ("refused", "")
    server.raw = b""
    (again, other) = chat(server, store).answers(["问", "再问"])
    assert (again, other.ending) == (answer, "whole")
    assert len(server.seen) == 2


def test_two_runs_at_once_ask_once(server: Model, store: Store) -> None:
    """The second waits for the answer of the first."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(prompt: str) -> str:
        begun.set()
        go_on.wait(60)
        return prompt

    server.chat = slow
    answers: list[list[chat_module.ChatAnswer]] = []
    threads = [threading.Thread(target=lambda: answers.append(chat(server, store).answers(["问"]))) for _ in range(2)]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    time.sleep(0.3)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert [answer.text for each in answers for answer in each] == ["问", "问"]
    assert len(server.seen) == 1


def test_the_key_is_sent_and_nowhere_else(
    server: Model, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the store, a message or the log, also where the server repeats it."""
    monkeypatch.setenv("SOME_KEY", KEY)
    server.chat = lambda _: {"message": {"content": "好"}, "finish_reason": "stop"}
    server.failures = [503]
    with caplog.at_level(logging.DEBUG):
        asked = chat(server, store, api_key_env="SOME_KEY")
        asked.answers(["问"])
        server.failures, server.raw = [401], f'{{"error": "wrong key {KEY}"}}'.encode()
        with pytest.raises(ModelAbsent, match=r"\$SOME_KEY") as told:
            asked.answers(["再问"])
    assert server.keys[f"Bearer {KEY}"] == 3
    written = b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    assert KEY not in str(told.value) + caplog.text + written.decode() + repr(asked.__dict__)
    with pytest.raises(ModelAbsent, match=r"expected in \$NOT_SET"):
        chat(server, store, api_key_env="NOT_SET")


REMOTE = [
    "https://api.example.com/v1", "http://127.0.0.1.example.com/v1", "http://localhost.example.com/v1",
    "http://0.0.0.0/v1", "http://10.0.0.1/v1", "http://127.1/v1", "http://2130706433/v1", "http://localhost@10.0.0.1/v1",
    "http://my-machine/v1", "http://[::2]/v1", "http://0x7f000001/v1", "http://localhost./v1",
]  # fmt: skip


@pytest.mark.parametrize("url", REMOTE)
def test_only_literal_addresses_of_this_machine_are_local(store: Store, url: str) -> None:
    """No name is looked up; the message says what to add."""
    with pytest.raises(SpecError, match=r"as the texts of data are sent to it\. Nothing was sent.*--allow-remote"):
        chat(None, store, url=url).require_local("data")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost", "LOCALHOST", "u:pw@localhost"])
def test_loopback_is_local(store: Store, host: str) -> None:
    """With any port and user."""
    chat(None, store, url=f"http://{host}:8000/v1").require_local("data")


def test_a_proxy_gets_nothing_that_is_local(store: Store, server: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts for a server on this machine go there directly, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    asked = chat(server, store)
    asked.require_local("data")
    asked.answers(["问"])
    assert len(server.seen) == 1


def test_requests_are_spaced() -> None:
    """Four at 1,200 per minute take three gaps of 50 ms."""
    pace = Pace(1200)
    begin = time.monotonic()
    threads = [threading.Thread(target=pace) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin >= 0.15


def test_the_rate_holds_for_repeated_requests(server: Model, store: Store) -> None:
    """A busy server is not asked faster for being busy."""
    server.failures = [503, 503]
    begin = time.monotonic()
    chat(server, store, requests_per_minute=600, parallel=1).answers(["问"])
    assert time.monotonic() - begin >= 0.2
