"""Retrieval from a folder in BEIR layout: a corpus, queries and qrels/<split> (Thakur et al., 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.formats import beir
from tcmbench.ranking.index_options import IndexOptions
from tcmbench.task_types import Source, declare
from tcmbench.task_types._judged import JudgedOptions, read_judged
from tcmbench.task_types._layouts import Beir

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

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
    """Return corpus, queries and one qrels file per split."""
    return beir.files(path, spec.splits)


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    class BeirRetrieval(FastRetrieval, LocalRetrieval):
        """One folder in BEIR layout."""

        index_options = options.index

        def load_split(self, split: str) -> None:
            """Read one split."""
            read = read_judged(source.path, split, options)
            self.set_split(split, documents=read.documents, queries=read.queries, qrels=read.qrels, notes=read.notes)

    return declare(BeirRetrieval, spec, source, "Retrieval", metric=METRIC, domains=options.domains)
