"""A server of a model on the loopback address, in OpenAI's and the rerankers' dialects."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def vector(text: str, turn: float) -> list[float]:
    """Return a vector that depends on the text, turned by an angle."""
    angle = sum(map(ord, text)) % 360 + turn
    return [float(np.cos(angle)), float(np.sin(angle)), 0.5, 0.25]


class Model:
    """What the server serves, and what it saw."""

    def __init__(self) -> None:
        self.url = ""
        self.turn = 0.0
        self.reads = 64
        """Characters of a text that it reads; a character is a token."""
        self.strips = False
        """Whether outer white space is removed."""
        self.counts = True
        """Whether it states the tokens of a request."""
        self.refuses = 0
        """Length in characters from which texts are refused; 0 for none."""
        self.refuses_empty = False
        self.takes_instruction = True
        self.dialects = {"documents", "texts"}
        """Fields in which it takes the documents of a query."""
        self.vectors: Callable[[list[str]], list[Any]] | None = None
        """Texts → their vectors, in place of made-up ones."""
        self.scores: Callable[[str, list[str]], list[float]] | None = None
        """Query and documents → their scores, in place of made-up ones."""
        self.info: dict[str, Any] | None = None
        """Answer of `/info`; None where there is none."""
        self.limit: int | None = None
        """`max_model_len` of its list of models."""
        self.failures: list[int] = []
        """Codes answered before the next right answer."""
        self.retry_after = ""
        """Stated with these codes, where set."""
        self.raw = b""
        self.answer: Any = None
        """Answered instead, where set."""
        self.listed: list[str] = ["org/m"]
        """Names of the models that it serves."""
        self.seen: list[dict[str, Any]] = []
        self.keys: Counter[str] = Counter()
        self.chat: Callable[[str], Any] = lambda prompt: f"1. {prompt[-20:]}"
        """Prompt → text of the answer, or all of its first choice."""

    def respond(self, path: str, body: dict[str, Any]) -> Any:
        """Return the answer to a request."""
        if self.answer is not None:
            return self.answer
        if path.endswith("/embeddings"):
            texts = [self._read(text) for text in body["input"]]
            vectors = [vector(text, self.turn) for text in texts] if self.vectors is None else self.vectors(texts)
            rows = [{"index": i, "embedding": each} for i, each in enumerate(vectors)]
            return {"object": "list", "data": rows[::-1]} | self._usage(texts)
        if path.endswith("/chat/completions"):
            return self._completion(body["messages"][-1]["content"])
        shared = self._scores(body)
        if "texts" in body:
            return [{"index": i, "score": n} for i, n in enumerate(shared)][::-1]
        return {"results": [{"index": i, "relevance_score": n} for i, n in enumerate(shared)][::-1]}

    def is_refused(self, body: dict[str, Any]) -> bool:
        """Return whether a strict server refuses a request for its texts."""
        texts = body.get("input", body.get("documents", body.get("texts", [])))
        if "query" in body and self.dialects.isdisjoint(body):
            return True
        return any((self.refuses and len(text) > self.refuses) or (self.refuses_empty and not text) for text in texts)

    def _read(self, text: str) -> str:
        return (text.strip() if self.strips else text)[: self.reads]

    def _usage(self, texts: list[str]) -> dict[str, Any]:
        return {"usage": {"prompt_tokens": max(1, sum(map(len, texts)))}} if self.counts else {}

    def _scores(self, body: dict[str, Any]) -> list[float]:
        texts = [self._read(text) for text in body.get("documents", body.get("texts"))]
        if self.scores is not None:
            return self.scores(body["query"], texts)
        query = body["query"] + (body.get("instruction", "") if self.takes_instruction else "")
        return [len(set(query) & set(text)) + self.turn for text in texts]

    def _completion(self, prompt: str) -> Any:
        said = self.chat(prompt)
        choice = said if isinstance(said, dict) else {"message": {"content": said}, "finish_reason": "stop"}
        counted = {"prompt_tokens": len(prompt), "completion_tokens": len(str(said))}
        return {"choices": [{"index": 0, **choice}], "usage": counted}


@pytest.fixture
def server() -> Iterator[Model]:
    """A server on this machine's own loopback address."""
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            limit = {} if model.limit is None else {"max_model_len": model.limit}
            answers: dict[str, Any] = {
                "/v1/models": {"object": "list", "data": [{"id": name, **limit} for name in model.listed]},
                **({} if model.info is None else {"/info": model.info}),
            }
            data = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.seen.append(body)
            model.keys[self.headers.get("Authorization", "")] += 1
            code = model.failures.pop(0) if model.failures else 400 if model.is_refused(body) else 200
            data = json.dumps(model.respond(self.path, body) if code == 200 else {"error": "so it is"}).encode()
            data = model.raw or data
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            if code != 200 and model.retry_after:
                self.send_header("Retry-After", model.retry_after)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        model.url = f"http://127.0.0.1:{http.server_port}/v1"
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield model
        http.shutdown()
