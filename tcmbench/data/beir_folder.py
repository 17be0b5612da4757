"""The texts and judgements of a BEIR folder, as tasks read them (Thakur et al., 2021)."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from tcmbench.data.formats.beir import is_header
from tcmbench.data.lines import Problem, describe, iter_objects
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from pathlib import Path


def read_split(folder: Path, split: str) -> tuple[dict[str, str], dict[str, str], dict[str, dict[str, int]]]:
    """Return documents, the queries that are judged, and their grades; all in the order of their files.

    Raises:
        BadLines: A line isn't what its file should hold.
        DataError: A grade names what doesn't exist, or there is none.
    """
    documents = read_texts(folder / "corpus.jsonl")
    queries = read_texts(folder / "queries.jsonl")
    path = folder / "qrels" / f"{split}.tsv"
    qrels = read_qrels(path)
    check_qrels(qrels, queries=queries, documents=documents, path=path)
    return documents, {query: queries[query] for query in qrels}, qrels


def read_texts(path: Path) -> dict[str, str]:
    """Return id → text (title and text joined as mteb joins them), in the file's order.

    Raises:
        BadLines: Rows without `_id` or `text`, ids that stand twice, lines that aren't JSON objects.
    """
    texts: dict[str, str] = {}
    problems: list[str] = []
    for row in iter_objects(path):
        if isinstance(row, Problem):
            problems.append(describe(path, row))
            continue
        identifier, text, title = row.value.get("_id"), row.value.get("text"), row.value.get("title") or ""
        if not isinstance(identifier, str) or not isinstance(text, str):
            problems.append(f"{path}:{row.number}: expected strings `_id` and `text`, got keys {sorted(row.value)}")
        elif identifier in texts:
            problems.append(f"{path}:{row.number} ({identifier}): this _id stands twice")
        else:
            texts[identifier] = f"{title} {text}".strip()
    if problems:
        raise BadLines(problems, advice="Mend these lines; BEIR layout is described in docs/data.md.")
    return texts


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Return query id → document id → grade (> 0 is relevant), in the file's order.

    Raises:
        BadLines: Rows that aren't `query-id<TAB>corpus-id<TAB>score` with a whole score.
    """
    qrels: dict[str, dict[str, int]] = {}
    problems: list[str] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
            if not row or (number == 1 and is_header(row)):
                continue
            try:
                query, document, grade = row
                qrels.setdefault(query, {})[document] = int(grade)
            except ValueError:
                problems.append(f"{path}:{number}: expected query-id, corpus-id and a whole score, got {row}")
    if problems:
        raise BadLines(problems, advice="Mend these lines; the columns are separated by tabs.")
    return qrels


def check_qrels(
    qrels: dict[str, dict[str, int]], *, queries: dict[str, Any], documents: dict[str, Any], path: Path
) -> None:
    """Check that qrels only name what exists.

    Raises:
        DataError: An unknown query or document, or no qrels at all.
    """
    lost = [f"query {q!r}" for q in qrels if q not in queries]
    lost += [f"document {d!r} (query {q!r})" for q, row in qrels.items() for d in row if d not in documents]
    if lost:
        shown = "; ".join(lost[:10]) + (f"; and {len(lost) - 10} more" if len(lost) > 10 else "")
        raise DataError(f"{path}: names that are in neither queries.jsonl nor corpus.jsonl: {shown}")
    if not qrels:
        raise DataError(f"{path}: expected at least one judged query, got none")
