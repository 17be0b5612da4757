"""Prints the hash of what each miner, augmentation and encoder without weights gives; run in processes of their own."""

from __future__ import annotations

import hashlib
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench import plugins
from tcmbench.data.tcm_sd import Syndrome
from tcmbench.miners import Corpus, MiningContext, Queries
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_SIGNS = list("气血阴阳虚实寒热痰湿瘀风火燥肝心脾肺肾胃胆")


def texts(count: int, length: int, *, seed: int) -> tuple[str, ...]:
    """Return texts of few signs."""
    rng = np.random.default_rng(seed)
    return tuple("".join(rng.choice(_SIGNS, length)) for _ in range(count))


DOCUMENTS, QUERIES = texts(297, 60, seed=1), texts(900, 80, seed=2)
DOCUMENTS += DOCUMENTS[:3]
"""Copies at the end of a matrix are summed otherwise than at its start, so that another order of terms shows."""


class Counts:
    """A model whose vectors count signs."""

    revision = "counts"

    def embed(self, texts: Sequence[str], *, kind: str) -> NDArray[np.float32]:
        """Return unit vectors."""
        del kind
        counts = np.array([[text.count(sign) + 0.01 for sign in _SIGNS] for text in texts], dtype=np.float32)
        vectors: NDArray[np.float32] = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return vectors


def mined(name: str) -> object:
    """Return the negatives of a miner."""
    miner = plugins.use("miners", name)
    corpus = Corpus(tuple(f"d{n}" for n in range(len(DOCUMENTS))), DOCUMENTS)
    positives = tuple(frozenset({f"d{n % len(DOCUMENTS)}"}) for n in range(len(QUERIES)))
    queries = Queries(tuple(f"q{n}" for n in range(len(QUERIES))), QUERIES, positives)
    context = MiningContext(embedder=lambda _: Counts())
    return miner.module.mine(queries, corpus, options=miner.options, seed=7, context=context)


def varied(name: str) -> object:
    """Return the views of an augmentation."""
    augmentation = plugins.use("augmentations", name)
    clauses = "，".join(texts(6, 4, seed=3)) + "。"
    syndromes = [Syndrome(f"{n}证", f"{n}证", clauses, clauses, "咳嗽") for n in range(5)]
    return [augmentation.module.texts(each, options=augmentation.options, seed=7) for each in syndromes]


def encoded(name: str) -> object:
    """Return vectors of an encoder, or the scores of a searcher."""
    encoder = plugins.use("encoders", name)
    base = Base(name="b", kind="baseline", encoder=name)
    meta = SimpleNamespace(name="b", revision="r")
    model: Any = encoder.module.load(base, options=encoder.options, model_dir=None, meta=meta, seed=7, device="cpu")
    if "vectors" in base.abilities:
        return model.encode_texts(QUERIES).tolist()
    if "texts" in base.abilities:
        task = SimpleNamespace(name="T", type="Retrieval")
        vectors = model.encode([{"text": list(QUERIES)}], task_metadata=task, hf_split="test", hf_subset="default")
        return vectors.tolist()
    model.index({"id": f"d{n}", "text": text} for n, text in enumerate(DOCUMENTS))
    return model.search(({"id": f"q{n}", "text": text} for n, text in enumerate(QUERIES)), top_k=20)


def hashes() -> Iterator[tuple[str, str]]:
    """Yield `<kind>/<name>` with the hash of what the plug-in gives."""
    outputs = [(f"miners/{name}", mined(name)) for name in plugins.names("miners")]
    outputs += [(f"augmentations/{name}", varied(name)) for name in plugins.names("augmentations")]
    names = [name for name in plugins.names("encoders") if plugins.load("encoders", name).WEIGHTS == "built in"]
    outputs += [(f"encoders/{name}", encoded(name)) for name in names]
    for name, output in outputs:
        yield name, hashlib.sha256(json.dumps(output).encode()).hexdigest()


if __name__ == "__main__":
    json.dump(dict(hashes()), sys.stdout)
