"""Syndrome reranking: order a fixed pool of candidates that are hard to distinguish.

The pool of a record consists of its gold syndromes, syndromes that are easily confused with them, and the best of BM25.
It follows from the data alone and is stored under the hash of its inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.task_types import Source, declare
from tcmbench.task_types._layouts import TcmSd
from tcmbench.task_types._syndromes import SyndromeView, folder_files

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "1"
USES = (("encoders", "bm25"),)
METRIC = "map_at_10"
STATISTIC = "mean"
SCORES = "candidates"
LAYOUT = TcmSd()


class Options(SyndromeView):
    """Size of the pool, and the fields that are read; the pool itself follows from all fields."""

    confusable: int = 10
    """Syndromes that share elements or diseases with a gold one, or are merged with it."""

    bm25: int = 10
    """Best documents of BM25 that are not in the pool yet."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the files of the splits and the knowledge base."""
    return folder_files(path, spec.splits)


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types._syndromes import read_pool
    from tcmbench.task_types.scoring.candidates import candidate_pools
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    class SyndromeReranking(FastRetrieval, LocalRetrieval):
        """Record × candidates → order."""

        def load_split(self, split: str) -> None:
            """Read one split and its candidates."""
            read = read_pool(source.path, split, view=options)
            pools = candidate_pools(
                read.folder,
                split,
                confusable=options.confusable,
                bm25=options.bm25,
                revision=source.revision,
                cache=source.cache,
            )
            self.set_split(
                split,
                documents=read.documents,
                queries=read.queries,
                qrels=read.qrels,
                candidates={query: [name for name in pools[query] if name in read.documents] for query in read.queries},
                items=read.items,
                notes=read.notes,
            )

    return declare(SyndromeReranking, spec, source, "Reranking", metric=METRIC)
