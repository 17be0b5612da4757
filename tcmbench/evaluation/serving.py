"""What one model costs to run: speed, latency, bytes and memory, measured in a process of its own.

Texts are encoded without the cache of vectors. A query is timed from its text to its best documents, one at a time.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench import models
from tcmbench.encoders.runtime.batches import FREE_TOKENS, Batches
from tcmbench.errors import EvaluationError
from tcmbench.models.revisions import encoder_of
from tcmbench.ranking.vector_storage import Storage
from tcmbench.records.provenance import peak_memory_mib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.text_encoder import TextEncoder
    from tcmbench.records.model import Model

_BEST = 10
"""Documents that a timed query returns."""

_WARM = 3
"""Queries before the clock starts: the first ones load code and fill caches."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ServingOrder:
    """One measurement; small enough to be sent to another process."""

    model: Model
    """The model."""

    queries: tuple[str, ...]
    """Texts of queries, without prompts."""

    documents: tuple[str, ...]
    """Texts of documents."""

    device: str | None = None
    """torch device; None for the default of the model's library."""


class ServingFigures(NamedTuple):
    """Figures of one measurement."""

    tokens_per_second: float
    """Tokens of the documents over the time of their encoding; 0 where the tokenizer counts none."""

    query_ms: float
    """Median time of a query in milliseconds."""

    query_ms_p95: float
    """95th percentile of it."""

    bytes_per_document: int
    """Bytes stored of one document's vector."""

    index_bytes: int
    """Bytes of the index over the documents."""

    weights_bytes: int
    """Bytes of the files of weights."""

    parameters: int
    """Numbers in the weights."""

    peak_memory_mib: float
    """Largest memory of the process: of the GPU where the model is on one, else of main memory."""

    dimensions: int
    """Dimensions of the dense model's vectors."""


class _Task:
    """What an encoder reads of a task: its prompts are those of retrieval."""

    type = "Retrieval"
    name = "serving"


def measure(order: ServingOrder) -> ServingFigures:
    """Return the figures of a model.

    Raises:
        EvaluationError: It has no vectors of single texts.
        TcmbenchError: It can't be loaded.
    """
    from tcmbench.ranking.unit_vectors import unit
    from tcmbench.ranking.vector_index import VectorIndex

    model = order.model
    with tempfile.TemporaryDirectory() as folder:
        encoder = _dense(models.load(model, cache=Path(folder), device=order.device), model.name)
        documents, speed = _encoded(encoder, order.documents)
        index = VectorIndex(unit(documents), storage=storage_of(model), name=model.name)
        prompt = encoder.prompt_for(_Task, "query")
        times = []
        for text in (*order.queries[:_WARM], *order.queries):
            began = time.perf_counter()
            index.search(unit(np.asarray(encoder.encode_texts([prompt + text]), dtype=np.float32)), _BEST)
            times.append(1000 * (time.perf_counter() - began))
    timed = np.array(times[min(_WARM, len(order.queries)) :])
    files = weight_files(model)
    return ServingFigures(
        tokens_per_second=speed,
        query_ms=float(np.median(timed)),
        query_ms_p95=float(np.percentile(timed, 95)),
        bytes_per_document=index.bytes_per_document,
        index_bytes=index.bytes,
        weights_bytes=sum(path.stat().st_size for path in files),
        parameters=_parameters(files),
        peak_memory_mib=_peak(order.device),
        dimensions=documents.shape[1],
    )


def storage_of(model: Model) -> Storage:
    """Return how the vectors of a model are stored and searched: exactly, in single precision, unless it says."""
    storage = getattr(encoder_of(model.base).options, "storage", None)
    return storage if isinstance(storage, Storage) else Storage()


def weight_files(model: Model) -> list[Path]:
    """Return the files with the weights that a model's encoder loads.

    Raises:
        EvaluationError: The model has none here.
    """
    if model.model_dir is None:
        raise EvaluationError(f"{model.name}: expected weights in a folder, to be loaded and timed here.")
    found = getattr(encoder_of(model.base).module, "weight_files", None)
    return sorted(model.model_dir.rglob("*.safetensors")) if found is None else list(found(model.model_dir))


def _dense(loaded: Any, name: str) -> TextEncoder:
    """Return the model that maps texts to vectors, within wrappers and caches.

    Raises:
        EvaluationError: There is none.
    """
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
    from tcmbench.encoders.runtime.composed import Composed

    while isinstance(loaded, Composed):
        loaded = loaded.dense
    inner: Any = loaded.inner if isinstance(loaded, CachedEncoder) else loaded
    if not hasattr(inner, "encode_texts"):
        raise EvaluationError(f"{name}: expected a model that maps texts to vectors, got {type(inner).__name__}.")
    encoder: TextEncoder = inner
    return encoder


def _encoded(encoder: TextEncoder, texts: Sequence[str]) -> tuple[NDArray[np.float32], float]:
    """Return the vectors of documents, and tokens per second, in batches as an evaluation makes them."""
    prompt = encoder.prompt_for(_Task, "document")
    texts = [prompt + text for text in texts]
    encoder.encode_texts(texts[:1])
    began = time.perf_counter()
    lengths = np.array(encoder.token_lengths(texts), dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    ordered = [texts[place] for place in order]
    batches = Batches(
        int(getattr(encoder, "batch_tokens", FREE_TOKENS)), are_padded=getattr(encoder, "are_padded", True)
    )

    def compute(start: int, stop: int) -> NDArray[np.float32]:
        return np.asarray(encoder.encode_texts(ordered[start:stop]), dtype=np.float32)

    parts = np.concatenate(list(batches.run(lengths[order], compute)))
    seconds = time.perf_counter() - began
    vectors = np.empty_like(parts)
    vectors[order] = parts
    return vectors, float(lengths.sum()) / seconds


def _parameters(files: Sequence[Path]) -> int:
    """Return the numbers in safetensors; 0 where the weights are in another format."""
    from safetensors import safe_open

    total = 0
    for path in files:
        if path.suffix != ".safetensors":
            return 0
        with safe_open(path, framework="numpy") as tensors:
            total += sum(int(np.prod(tensors.get_slice(name).get_shape())) for name in tensors.keys())  # noqa: SIM118
    return total


def _peak(device: str | None) -> float:
    import torch

    if torch.cuda.is_available() and (device is None or device.startswith("cuda")):
        return round(torch.cuda.max_memory_allocated() / _MIB, 1)
    return peak_memory_mib()
