"""Two stages, end to end: a first stage retrieves 100 syndromes, the model orders them.

The gold syndromes are not added to the candidates, so the score is that of the whole pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.task_types import Source, declare
from tcmbench.task_types._first_stage import FirstStage
from tcmbench.task_types._layouts import TcmSd
from tcmbench.task_types._syndromes import SyndromeView, folder_files

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "1"
USES = (("encoders", "bm25"),)
METRIC = "ndcg_at_10"
STATISTIC = "mean"
SCORES = "candidates"
LAYOUT = TcmSd()


class Options(FirstStage, SyndromeView):
    """The first stage, and the fields that both stages read."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the files of the splits and the knowledge base."""
    return folder_files(path, spec.splits)


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types._syndromes import read_pool
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    class SyndromeTwoStage(FastRetrieval, LocalRetrieval):
        """Record → first stage → order."""

        def load_split(self, split: str) -> None:
            """Read one split and run the first stage, once."""
            read = read_pool(source.path, split, view=options)
            self.set_split(
                split,
                documents=read.documents,
                queries=read.queries,
                qrels=read.qrels,
                candidates=options.candidates(read.queries, read.documents, source=source, split=split),
                items=read.items,
                notes=read.notes,
            )

    return declare(SyndromeTwoStage, spec, source, "Reranking", metric=METRIC)
