"""Models behind a server: OpenAI's `/embeddings`, which vLLM, TEI and infinity speak too, and `/rerank`.

A base with `encoder = "endpoint"` has no weights here; its options name the server and the model:

    kind = "embedding"                    # or "reranker"
    encoder = "endpoint"
    [options]
    url = "http://localhost:8000/v1"      # TEI: without /v1
    model = "Qwen/Qwen3-Embedding-0.6B"
    revision = "1"                        # yours; raise it when the model behind the URL changes
    api_key_env = "EMBEDDING_API_KEY"     # the variable that holds the key; the key itself stands in no file

Servers that want a password or key elsewhere get it from the address (`https://user:password@host`, `?api_key=…`) or
from `body`; it is sent, and no record, board, log or message shows it (`tcmbench.redaction`).

Nobody can see the weights behind a URL, so the declared revision is checked: before new vectors count, a few canary
texts must still get the vectors that they got under this revision (see `CachedEncoder`).

Rerankers come in two dialects: `documents` (vLLM, Jina, Cohere: `results[].relevance_score`) and `texts` (TEI:
a list of `index, score`). All candidates of a query go in one request, up to `batch_texts`.
"""

from __future__ import annotations

import base64
import os
import re
import urllib.parse
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from tcmbench import redaction
from tcmbench.encoders import EMBEDS, ORDERS
from tcmbench.encoders._http import Server
from tcmbench.encoders._prompts import prompt_for
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.plugins import PluginOptions
from tcmbench.store import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
ABILITIES = {"embedding": EMBEDS, "reranker": ORDERS}
WEIGHTS = "server"

CANARIES = ("主诉：咳嗽三日", "名称：气虚证。", "今天天气很好，我们去公园散步吧！", "The quick brown fox.")
"""Texts whose vectors tell whether the model behind the URL is still the same."""


_ROWS = ("data", "results")
_SHOWN = 40
_SHOWN_KEYS = 10


class Options(PluginOptions):
    """Which server, which model, and how it is asked."""

    url: str
    """Address up to, and without, `/embeddings` or `/rerank`."""

    model: str
    """Name that the server knows the model by."""

    revision: str
    """The user's own name of the model's version; part of the model's revision."""

    api_key_env: str = ""
    """Environment variable that holds the key; "" sends none."""

    dialect: Literal["documents", "texts"] = "documents"
    """How the server wants candidates to be reranked."""

    body: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request, such as `truncate_prompt_tokens`; part of the model's revision."""

    batch_texts: int = Field(default=64, ge=1, le=10_000)
    """Texts a request."""

    connections: int = Field(default=4, ge=1, le=256)
    """Requests at the same time."""

    timeout: float = Field(default=120.0, gt=0, le=86_400)
    """Seconds that a request may take, until the last byte of its answer."""

    tries: int = Field(default=5, ge=1, le=100)
    """Requests until it is given up; the pause between them doubles."""

    pause: float = Field(default=0.5, ge=0)
    """Seconds before the second try."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        # The value is not repeated: it may hold a password.
        try:
            parts = urllib.parse.urlsplit(url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or re.search(r"[\s\x00-\x1f]", url):
            raise ValueError(
                "expected an address such as https://host:8000/v1. In a user or password write / @ : # ? as %2F %40 "
                "%3A %23 %3F"
            )
        return url

    @field_validator("api_key_env")
    @classmethod
    def _is_a_variable(cls, name: str) -> str:
        if name and (not re.fullmatch(r"[A-Za-z_]\w{0,100}", name, re.ASCII) or redaction.text(name) != name):
            raise ValueError("expected the name of an environment variable, such as EMBEDDING_API_KEY, and no key")
        return name

    @model_validator(mode="after")
    def _has_one_key(self) -> Options:
        if self.api_key_env and "@" in urllib.parse.urlsplit(self.url).netloc:
            raise ValueError("expected api_key_env or a user in `url`, got both. Remove one")
        return self


def identity(options: PluginOptions) -> dict[str, Json]:
    """Return the options that change vectors or scores; a server that moves keeps its model's revision."""
    return differences(options, include={"model", "revision", "dialect", "body"})


class Endpoint:
    """An encoder behind a server."""

    dtype = "float32"

    def __init__(self, server: Server, *, base: Base, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.revision = str(meta.revision)
        self.max_length = base.max_length
        self.canaries = CANARIES
        self.batch_tokens = base.max_length * options.batch_texts * options.connections
        self._server = server
        self._base = base
        self._options = options

    def prompt_for(self, task_metadata: Any, prompt_type: Any) -> str:
        """Return what is put before a text of this task and role."""
        return prompt_for(self._base, task_metadata, prompt_type)

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in characters, which is near the tokens of Chinese; the server cuts."""
        return [min(len(text), self.max_length) for text in texts]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, float32, shape (len(texts), dimensions); prompts are in the text.

        Raises:
            ModelAbsent: The server can't be reached. EvaluationError: It answers with something else.
        """
        import numpy as np

        size = self._options.batch_texts
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(self._options.connections) as pool:
            blocks = list(pool.map(self._request, parts))
        sizes = sorted({block.shape[1] for block in blocks})
        if len(sizes) > 1:
            raise EvaluationError(
                f"{self._server.shown}/embeddings: expected vectors of one length, got {', '.join(map(str, sizes))}"
            )
        vectors = np.concatenate(blocks)
        if self._base.normalize:
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            np.divide(vectors, norms, out=vectors, where=norms > 0)
        return vectors

    def _request(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        body = {**self._options.body, "model": self._options.model, "input": list(texts)}
        answer = self._server.post("/embeddings", body, texts=len(texts))
        rows = answer.get("data") if isinstance(answer, dict) else None
        try:
            return np.stack([_vector(row["embedding"]) for row in _in_order(rows, len(texts))])
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self._server.shown}/embeddings: expected `data` with `index` and `embedding` for each of "
                f"{len(texts)} texts, got {_shape(answer)}"
            ) from error


class EndpointReranker:
    """A reranker behind a server, as mteb wants it (CrossEncoderProtocol)."""

    def __init__(self, server: Server, *, options: Options, meta: ModelMeta) -> None:
        self.mteb_model_meta = meta
        self.encoded_texts = 0
        self._server = server
        self._options = options

    def predict(
        self, inputs1: Iterable[dict[str, Any]], inputs2: Iterable[dict[str, Any]], **_: object
    ) -> NDArray[np.float32]:
        """Return one score per pair, in the order given; all documents of a query go in one request.

        Raises:
            ModelAbsent: The server can't be reached. EvaluationError: It answers with something else.
        """
        import numpy as np

        queries = [text for batch in inputs1 for text in batch["text"]]
        documents = [text for batch in inputs2 for text in batch["text"]]
        wanted: dict[str, dict[str, None]] = defaultdict(dict)
        for query, document in zip(queries, documents, strict=True):
            wanted[query][document] = None
        size = self._options.batch_texts
        requests = [
            (query, pool[start : start + size])
            for query, found in wanted.items()
            for pool in [list(found)]
            for start in range(0, len(pool), size)
        ]
        with ThreadPoolExecutor(self._options.connections) as threads:
            answers = list(threads.map(lambda request: self._request(*request), requests))
        scores = {
            (query, document): score
            for (query, pool), found in zip(requests, answers, strict=True)
            for document, score in zip(pool, found, strict=True)
        }
        self.encoded_texts += len(scores)
        pairs = zip(queries, documents, strict=True)
        return np.array([scores[pair] for pair in pairs], dtype=np.float32)

    def _request(self, query: str, documents: list[str]) -> list[float]:
        given = self._options
        body: dict[str, Any] = {**given.body, "query": query}
        if given.dialect == "texts":
            answer = self._server.post("/rerank", {**body, "texts": documents}, texts=len(documents))
            rows, name = answer, "score"
        else:
            body |= {"model": given.model, "documents": documents}
            answer = self._server.post("/rerank", body, texts=len(documents))
            rows, name = answer.get("results") if isinstance(answer, dict) else None, "relevance_score"
        try:
            return [float(row[name]) for row in _in_order(rows, len(documents))]
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self._server.shown}/rerank: expected `index` and `{name}` for each of {len(documents)} documents "
                f"(dialect {given.dialect!r}), got {_shape(answer)}"
            ) from error


def load(
    base: Base, *, options: PluginOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> Endpoint | EndpointReranker:
    """Return the model; the server is first asked when a text must be encoded.

    Raises:
        ModelAbsent: The variable that should hold the key isn't set.
        SpecError: An instruction, which no rerank dialect carries.
    """
    del model_dir, seed, device
    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    server = server_of(options, key=key_of(options, where=f"base {base.name}"))
    if base.kind == "embedding":
        return Endpoint(server, base=base, options=options, meta=meta)
    if base.instruction:
        raise SpecError(
            f"base {base.name}: no rerank dialect carries an instruction. Put it into the server's template, or into "
            "`body` in the way your server takes it, and leave `instruction` out."
        )
    return EndpointReranker(server, options=options, meta=meta)


def key_of(options: Options, *, where: str) -> str:
    """Return the key in the environment variable that options name; "" where they name none.

    Raises:
        ModelAbsent: The variable isn't set, or its value can't be sent; the message doesn't contain it.
    """
    key = os.environ.get(options.api_key_env, "") if options.api_key_env else ""
    if options.api_key_env and not key:
        raise ModelAbsent(
            f"{where}: the key of {redaction.address(options.url)} is expected in ${options.api_key_env}, not set here"
        )
    if re.search(r"[^\x21-\x7e]", key):
        raise ModelAbsent(
            f"{where}: expected a key of printable ASCII characters in ${options.api_key_env}, got a space, a line "
            "break or another character. Set it again."
        )
    return key


def server_of(options: Options, *, key: str = "") -> Server:
    """Return the server that options name."""
    return Server(options.url, key, options.api_key_env, options.timeout, options.tries, options.pause)


def _in_order(rows: object, count: int) -> list[dict[str, Any]]:
    """Return the rows of an answer by their index.

    Raises:
        ValueError: They aren't one for each index. KeyError, TypeError: They aren't rows.
    """
    listed = rows if isinstance(rows, list) else []
    placed = {row["index"]: row for row in listed}
    if len(listed) != count or any(type(index) is not int for index in placed):
        raise ValueError("expected one row per index")
    return [placed[index] for index in range(count)]


def _vector(value: object) -> NDArray[np.float32]:
    """Return a vector out of numbers, or of their bytes in base64."""
    import numpy as np

    if isinstance(value, str):
        vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    else:
        vector = np.asarray(value, dtype=np.float32)
    if vector.ndim != 1 or not vector.size:
        raise ValueError(f"expected a list of numbers, got the shape {vector.shape}")
    return vector


def _shape(answer: object) -> str:
    """Return what an answer looks like; never its texts."""
    if isinstance(answer, dict):
        keys = [repr(key)[:_SHOWN] for key in sorted(answer)[:_SHOWN_KEYS]]
        rows = [f"{len(value)} in {key!r}" for key, value in answer.items() if key in _ROWS and isinstance(value, list)]
        return f"an object with {', '.join(keys) or 'nothing in it'}{''.join(f' ({row})' for row in rows)}"
    return f"a list of {len(answer)}" if isinstance(answer, list) else type(answer).__name__
