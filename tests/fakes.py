"""A retrieval task and an encoder made of given arrays, for comparisons with mteb itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta, ScoringFunction
from mteb.timing import TimingStack

from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

META = {
    "name": "FakeRetrieval",
    "description": "Arrays in the shape of a task.",
    "type": "Retrieval",
    "category": "t2t",
    "modalities": ["text"],
    "eval_splits": ["test"],
    "eval_langs": ["zho-Hans"],
    "main_score": "ndcg_at_10",
    "dataset": {"path": "fake/fake", "revision": "1"},
    "date": ("2026-01-01", "2026-01-02"),
    "domains": ["Medical"],
    "license": "apache-2.0",
    "annotations_creators": "derived",
    "dialect": [],
    "sample_creation": "created",
    "bibtex_citation": "",
    "task_subtypes": [],
}


class PlainTask(AbsTaskRetrieval):
    """Scored by mteb."""

    metadata = TaskMetadata(**META)


class FastTask(FastRetrieval, PlainTask):
    """Scored by tcmbench."""


def model_meta(name: str = "fake/encoder", similarity: ScoringFunction | None = ScoringFunction.COSINE) -> ModelMeta:
    """Return the complete metadata of a made-up model."""
    return ModelMeta(
        loader=None, name=name, revision="1", release_date="2026-01-01", languages=["zho-Hans"], n_parameters=1,
        memory_usage_mb=1, max_tokens=8, embed_dim=4, license=None, open_weights=True, public_training_code=None,
        public_training_data=None, framework=["NumPy"], similarity_fn_name=similarity, use_instructions=False,
        training_datasets=set(),
    )  # fmt: skip


class ArrayEncoder(AbsEncoder):
    """Answers every text with the vector it was given for it."""

    def __init__(
        self, vectors: Mapping[str, Any], *, similarity: ScoringFunction | None = ScoringFunction.COSINE
    ) -> None:
        self.vectors = vectors
        self.mteb_model_meta = model_meta(similarity=similarity)

    def encode(self, inputs: Any, **kwargs: Any) -> np.ndarray:
        """Return the vectors."""
        return np.stack([self.vectors[text] for batch in inputs for text in batch["text"]])


class RunModel:
    """A search model that returns a given run."""

    def __init__(self, results: dict[str, dict[str, float]]) -> None:
        self.results = results
        self.mteb_model_meta = model_meta("fake/search")

    def index(self, corpus: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def search(self, queries: Any, **kwargs: Any) -> dict[str, dict[str, float]]:
        """Return a copy of the run (mteb removes entries from it)."""
        return {query_id: dict(found) for query_id, found in self.results.items()}


class WordOverlap:
    """A cross-encoder that counts shared characters."""

    def __init__(self) -> None:
        self.mteb_model_meta = model_meta("fake/reranker")

    def predict(self, inputs1: Any, inputs2: Any, **kwargs: Any) -> np.ndarray:
        """Return the number of shared characters of each pair."""
        queries = [text for batch in inputs1 for text in batch["text"]]
        documents = [text for batch in inputs2 for text in batch["text"]]
        return np.array([len(set(a) & set(b)) / 7 for a, b in zip(queries, documents, strict=True)], dtype=np.float32)


def load(
    task: AbsTaskRetrieval,
    *,
    queries: Sequence[str],
    documents: Sequence[str],
    qrels: Mapping[str, Mapping[str, int]],
    top_ranked: Mapping[str, Sequence[str]] | None = None,
) -> AbsTaskRetrieval:
    """Fill a task; every text is its id with `text of` before it."""
    task.dataset = {
        "default": {
            "test": {
                "corpus": Dataset.from_dict({"id": list(documents), "text": [f"text of {d}" for d in documents]}),
                "queries": Dataset.from_dict({"id": list(queries), "text": [f"query {q}" for q in queries]}),
                "relevant_docs": {q: dict(d) for q, d in qrels.items()},
                "top_ranked": top_ranked,
            }
        }
    }
    task.data_loaded = True
    return task


def scores(task: AbsTaskRetrieval, model: Any, **kwargs: Any) -> dict[str, Any]:
    """Return what the task reports for its one split."""
    if "timer" not in kwargs:
        kwargs["timer"] = TimingStack()
    options = {"batch_size": 32, "show_progress_bar": False}
    return dict(task.evaluate(model, "test", encode_kwargs=options, **kwargs)["default"])


__all__ = ["META", "ArrayEncoder", "FastTask", "PlainTask", "RunModel", "WordOverlap", "load", "model_meta", "scores"]
