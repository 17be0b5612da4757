"""Retrieval from a folder in BEIR layout: corpus.jsonl, queries.jsonl, qrels/<split>.tsv (Thakur et al., 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.formats import beir
from tcmbench.ranking.index_search import IndexOptions
from tcmbench.task_types import MtebKind, Source, metadata
from tcmbench.task_types._judged import JudgedOptions, read_judged
from tcmbench.task_types._layouts import Beir

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.plugins import PluginOptions
    from tcmbench.specs.task import TaskSpec

REVISION = "2"
METRIC = "ndcg_at_10"
STATISTIC = "mean"
SCORES = "documents"
LAYOUT = Beir()


class Options(JudgedOptions):
    """How the judgements are read, and how the corpus is searched."""

    index: IndexOptions | None = None
    """FAISS index that encoders search the corpus through; None: an exact search."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return corpus, queries and one qrels file a split."""
    return beir.files(path, spec.splits)


def task_class(spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    copies, index = options.copies, options.index

    class BeirRetrieval(FastRetrieval, LocalRetrieval):
        """One folder in BEIR layout."""

        index_options = index

        def load_split(self, split: str) -> None:
            """Read one split."""
            read = read_judged(source.path, split, copies=copies)
            self.set_split(split, documents=read.documents, queries=read.queries, qrels=read.qrels, notes=read.notes)

    BeirRetrieval.metadata = metadata(spec, source, MtebKind("Retrieval", "t2t", options.domains), metric=METRIC)
    BeirRetrieval.__name__ = BeirRetrieval.__qualname__ = spec.name
    return BeirRetrieval
