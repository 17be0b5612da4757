"""Served models without weights: an encoder and a reranker that count, and a client of their application."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench.encoders._prompts import prompt_for
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.records.model import Model
from tcmbench.serving.engines import PairEngine, VectorEngine
from tcmbench.serving.served import Served
from tcmbench.serving.service import Service, ServiceOptions
from tcmbench.specs.base import Base
from tests.fakes import model_meta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.testclient import TestClient

EMBEDDING = Base(
    name="fake", kind="embedding", path="fake", max_length=20, query_prompt="查询：", document_prompt="文献：",
    symmetric_prompt="句子：",
)  # fmt: skip
RERANKER = Base(name="fake-reranker", kind="reranker", path="fake", max_length=20, instruction="检索")


class FakeEncoder:
    """A `TextEncoder` of four numbers per text; it keeps the texts of every call."""

    max_length = 20
    dtype = "float32"
    batch_tokens = 64

    def __init__(self, *, scale: float = 1.0) -> None:
        self.mteb_model_meta = model_meta()
        self.revision = "1"
        self.calls: list[list[str]] = []
        self._scale = scale

    def prompt_for(self, task_metadata: object, prompt_type: object) -> str:
        """Return the base's prompt."""
        return prompt_for(EMBEDDING, task_metadata, prompt_type)

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return one token per character."""
        return [min(len(text), self.max_length) for text in texts]

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return vectors that follow from the texts; one with a NaN for `坏`."""
        self.calls.append(list(texts))
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the vector of a text with its prompt."""
        if "坏" in text:
            return np.full(4, np.nan, dtype=np.float32)
        angle = sum(map(ord, text)) % 360
        vector = np.array([np.cos(angle), np.sin(angle), 0.5, 0.25], dtype=np.float32)
        return self._scale * vector / np.linalg.norm(vector)


class FakeReranker:
    """Counts the characters that query and document share; a logit of 0 for none."""

    class _batches:  # noqa: N801 - the name of an attribute of rerankers
        budget = 64

    def predict(self, inputs1: Any, inputs2: Any) -> list[float]:
        """Return a logit per pair."""
        queries = [text for batch in inputs1 for text in batch["text"]]
        documents = [text for batch in inputs2 for text in batch["text"]]
        return [float(len(set(a) & set(b))) for a, b in zip(queries, documents, strict=True)]

    def token_lengths(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Return one token per character."""
        return np.array([len(query) + len(document) for query, document in pairs])


def embedding(encoder: FakeEncoder | None = None, base: Base = EMBEDDING, **options: Any) -> Service:
    """Return the service of an embedding model."""
    engine = VectorEngine(CachedEncoder(encoder or FakeEncoder(), cache_dir=None))
    model = Model(name=base.name, base=base, model_dir=None, revision="abc")
    return Service(Served(model), engine, ServiceOptions(**options))


def reranker(**options: Any) -> Service:
    """Return the service of a reranker."""
    model = Model(name=RERANKER.name, base=RERANKER, model_dir=None, revision="def")
    return Service(Served(model), PairEngine(FakeReranker(), dtype="float32"), ServiceOptions(**options))


@contextlib.contextmanager
def client(service: Service, *, key: str = "", is_local: bool = True) -> Iterator[TestClient]:
    """Yield a client of a service's application, which starts and ends with it."""
    from starlette.testclient import TestClient

    from tcmbench.serving.app import application

    app = application(service, key=key, is_local=is_local)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as one:
        yield one


def require() -> None:
    """Skip the tests of a file where the extra isn't installed."""
    for package in ("fastapi", "uvicorn", "httpx", "prometheus_client"):
        pytest.importorskip(package, reason="needs the extra serve: pip install 'tcmbench[serve]'")
