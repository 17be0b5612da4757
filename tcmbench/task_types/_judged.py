"""A split of a BEIR folder for a retrieval task, with notes on what is unusual about it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.data.formats import beir
from tcmbench.task_types._columns import ColumnOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Copies = Literal["as_judged", "relevant"]


class JudgedOptions(ColumnOptions):
    """How the files of a folder are read."""

    FILES = beir.COLUMNS

    domains: tuple[str, ...] = ("Written",)
    """mteb's domains of the texts."""

    copies: Copies = "as_judged"
    """Unjudged documents with the text of a relevant one: irrelevant, as in BEIR, or as relevant as it."""


class JudgedSplit(NamedTuple):
    """One split."""

    documents: dict[str, str]
    """Document id → text."""

    queries: dict[str, str]
    """Query id → text, of the judged queries."""

    qrels: dict[str, dict[str, int]]
    """Query id → document id → grade."""

    notes: tuple[str, ...]
    """What is unusual about it, with counts."""


def read_judged(path: Path, split: str, options: JudgedOptions) -> JudgedSplit:
    """Return a split of a BEIR folder.

    Raises:
        DataAbsent: A file is not there.
        BadLines: Lines that can't be read or that contradict each other.
        DataError: No query has a relevant document.
    """
    documents, queries, judgements = beir.read_split(path, split, options.columns)
    qrels, copied = _with_copies(judgements.qrels, documents)
    unanswered = sum(not any(grade > 0 for grade in grades.values()) for grades in qrels.values())
    copies = options.copies
    treated = "relevant" if copies == "relevant" else "irrelevant (option copies = 'relevant' counts them as relevant)"
    notes = {
        f"{copied} unjudged documents have the text of a relevant one under another id, and count as {treated}": copied,
        f"{judgements.repeats} judgements occur more than once, with equal grades": judgements.repeats,
        f"{unanswered} of {len(qrels)} queries have no relevant document and score 0 with every model": unanswered,
    }
    return JudgedSplit(
        documents=documents,
        queries=queries,
        qrels=qrels if copies == "relevant" else judgements.qrels,
        notes=tuple(note for note, count in notes.items() if count),
    )


def _with_copies(
    qrels: Mapping[str, Mapping[str, int]], documents: Mapping[str, str]
) -> tuple[dict[str, dict[str, int]], int]:
    """Return the judgements with the grade of a relevant document for its unjudged copies, and how many these are."""
    same_text: dict[str, list[str]] = defaultdict(list)
    for doc_id, text in documents.items():
        same_text[text].append(doc_id)
    judged: dict[str, dict[str, int]] = {}
    copied = 0
    for query_id, grades in qrels.items():
        judged[query_id] = dict(grades)
        for doc_id, grade in grades.items():
            for copy in same_text[documents[doc_id]] if grade > 0 else ():
                if copy not in grades:
                    copied += copy not in judged[query_id]
                    judged[query_id][copy] = max(grade, judged[query_id].get(copy, 0))
    return judged, copied
