"""Syndrome retrieval: a clinical record is the query, the knowledge base of syndromes is the corpus.

With `pool = "closed"` only the syndromes of the vocabulary are searched; accuracy and macro-F1 of the first
document are then those of a classifier over the vocabulary. The two pools are different tasks, and their scores are not
comparable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tcmbench.task_types import Source, declare
from tcmbench.task_types._layouts import TcmSd
from tcmbench.task_types._syndromes import SyndromeView, folder_files

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.ranking.per_query import PerQuery
    from tcmbench.specs.task import TaskSpec

REVISION = "1"
METRIC = "ndcg_at_10"
STATISTIC = "mean"
SCORES = "documents"
LAYOUT = TcmSd()


class Options(SyndromeView):
    """Which documents are searched, and which fields are read."""

    pool: Literal["knowledge_base", "closed"] = "knowledge_base"
    """The whole knowledge base, or the syndromes of syndrome_vocab.txt alone."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the files of the splits, the knowledge base and, for the closed pool, the vocabulary."""
    closed = spec.options.get("pool") == "closed"
    return folder_files(path, spec.splits, vocabulary_needed=closed)


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types._syndromes import extra_metrics, read_pool
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    class SyndromeRetrieval(FastRetrieval, LocalRetrieval):
        """Record → syndromes."""

        def load_split(self, split: str) -> None:
            """Read one split."""
            read = read_pool(source.path, split, view=options, pool=options.pool)
            self.set_split(
                split,
                documents=read.documents,
                queries=read.queries,
                qrels=read.qrels,
                items=read.items,
                notes=read.notes,
            )

        def query_scores(self, per_query: PerQuery, *, split: str, subset: str) -> dict[str, float]:
            """Return macro-R@1 and, for the closed pool, accuracy and macro-F1."""
            qrels = self.dataset[subset][split]["relevant_docs"]
            return extra_metrics(per_query, qrels, closed=options.pool == "closed")

    return declare(SyndromeRetrieval, spec, source, "Retrieval", metric=METRIC)
