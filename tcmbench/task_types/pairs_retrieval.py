"""Retrieval from one file of queries with their documents: every text of the file is a document, once.

Rows of one query are one query; equal texts are one document. The corpus is small, so scores are higher than with a
corpus of its own: for comparing models, not with published figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import tables
from tcmbench.errors import DataError
from tcmbench.task_types import Source, declare
from tcmbench.task_types._columns import ColumnOptions
from tcmbench.task_types._layouts import PairsFile

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "3"
METRIC = "ndcg_at_10"
STATISTIC = "mean"
SCORES = "documents"
LAYOUT = PairsFile()


class Options(ColumnOptions):
    """How the columns are called, and what mteb should know of the data."""

    FILES = (tables.COLUMNS,)

    domains: tuple[str, ...] = ("Written",)
    """mteb's domains of the texts."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the file; it has one split."""
    del spec
    return [path]


def task_class(spec: TaskSpec, source: Source, *, options: Options) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval

    if len(spec.splits) > 1:
        raise DataError(f"task {spec.name}: a file of pairs has one split, got {', '.join(spec.splits)}.")

    class PairsRetrieval(FastRetrieval, LocalRetrieval):
        """One file of pairs."""

        def load_split(self, split: str) -> None:
            """Read the file."""
            from tcmbench.data.formats import gather

            gathered = gather(tables.training_rows(source.path, options.columns), split=split)
            collection = gathered.collection
            judged, answered = collection.qrels[split], collection.answered(split)
            if not answered:
                came = "no query has a positive" if judged else "there are none"
                raise DataError(f"{source.path}: expected rows with a query and a positive, but {came}.")
            self.set_split(
                split,
                documents={doc_id: document.text for doc_id, document in collection.corpus.items()},
                queries={query: collection.queries[query] for query in answered},
                qrels=answered,
                notes=_notes(gathered.merged, gathered.rounded, len(judged) - len(answered)),
            )

    return declare(PairsRetrieval, spec, source, "Retrieval", metric=METRIC, domains=options.domains)


def _notes(merged: int, rounded: int, unanswered: int) -> tuple[str, ...]:
    notes = {
        f"{merged} rows have the query of an earlier row and count with it": merged,
        f"{rounded} grades were rounded to whole numbers, at least 1": rounded,
        f"{unanswered} queries have negatives alone and are left out": unanswered,
    }
    return tuple(note for note, count in notes.items() if count)
