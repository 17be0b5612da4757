"""The rival of `benchmarks.serving`: what a FastAPI service around sentence-transformers with micro-batches looks like.

    python -m benchmarks._plain_server FOLDER PORT

Requests that arrive within five milliseconds are encoded together, 32 texts at most.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_MOST_TEXTS = 32
_WAIT = 0.005


class Body(BaseModel):
    """A request."""

    input: str | list[str]
    model: str = ""


class Embedding(BaseModel):
    """A vector."""

    index: int
    embedding: list[float]


class Answer(BaseModel):
    """A response."""

    data: list[Embedding]


def application(folder: str) -> FastAPI:
    """Return the application."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    queue: asyncio.Queue[tuple[list[str], asyncio.Future[Any]]] = asyncio.Queue()

    async def work() -> None:
        while True:
            waiting = [await queue.get()]
            end = asyncio.get_running_loop().time() + _WAIT
            while sum(len(texts) for texts, _ in waiting) < _MOST_TEXTS:
                try:
                    left = end - asyncio.get_running_loop().time()
                    waiting.append(await asyncio.wait_for(queue.get(), max(left, 0)))
                except TimeoutError:
                    break
            texts = [text for part, _ in waiting for text in part]
            vectors = await asyncio.to_thread(model.encode, texts, show_progress_bar=False)
            start = 0
            for part, future in waiting:
                future.set_result(vectors[start : start + len(part)])
                start += len(part)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(work())
        yield
        worker.cancel()

    app = FastAPI(lifespan=lifespan)

    async def embeddings(body: Body) -> Answer:
        texts = [body.input] if isinstance(body.input, str) else body.input
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await queue.put((texts, future))
        rows = [Embedding(index=i, embedding=vector.tolist()) for i, vector in enumerate(await future)]
        return Answer(data=rows)

    # FastAPI reads the annotations of an endpoint when it is added, and those of this file are strings.
    embeddings.__annotations__ = {"body": Body, "return": Answer}
    app.add_api_route("/v1/embeddings", embeddings, methods=["POST"])
    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="error")
