"""Two stages over a folder in BEIR layout: BM25 retrieves documents, the model orders them.

Measures rerankers outside their domain. A reranker reads each pair separately, which costs as much as encoding a
document per candidate, so a spec may limit the number of queries.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.errors import DataError
from tcmbench.task_types import Source, declare, retrieval
from tcmbench.task_types._first_stage import FirstStage
from tcmbench.task_types._judged import JudgedOptions, read_judged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "2"
USES = (("encoders", "bm25"), ("task_types", "retrieval"))
METRIC = "ndcg_at_10"
STATISTIC = "mean"
SCORES = "candidates"
LAYOUT = retrieval.LAYOUT

files = retrieval.files


class Options(JudgedOptions, FirstStage):
    """The first stage, and the number of queries."""

    queries: int | None = Field(default=None, ge=1)
    """Most queries that are measured: those whose ids have the lowest hashes, whatever their order. None: all."""


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    class TwoStage(FastRetrieval, LocalRetrieval):
        """Query → first stage → order."""

        def load_split(self, split: str) -> None:
            """Read one split and run the first stage, once."""
            read = read_judged(source.path, split, options)
            kept = sample(read.qrels, options.queries)
            if not any(grade > 0 for query in kept for grade in read.qrels[query].values()):
                raise DataError(
                    f"task {spec.name}: the {len(kept)} queries of a sample of {len(read.qrels)} have no relevant "
                    "document, so every model would score 0. Raise options.queries."
                )
            queries = {query: read.queries[query] for query in kept}
            self.set_split(
                split,
                documents=read.documents,
                queries=queries,
                qrels={query: read.qrels[query] for query in kept},
                candidates=options.candidates(queries, read.documents, source=source, split=split),
                notes=read.notes,
            )

    return declare(TwoStage, spec, source, "Reranking", metric=METRIC, domains=options.domains)


def sample(ids: Iterable[str], limit: int | None) -> list[str]:
    """Return at most `limit` ids, in the order given; adding a query to the data changes at most one of them."""
    every = list(ids)
    if limit is None or limit >= len(every):
        return every
    lowest = set(sorted(every, key=lambda name: (hashlib.sha256(name.encode()).digest(), name))[:limit])
    return [name for name in every if name in lowest]
