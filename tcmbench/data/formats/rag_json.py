"""One JSON object with queries, corpus, relevant_docs and negative_docs, the format of RAG toolkits."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tcmbench import strict_json
from tcmbench.data import reading, values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import Collection, Document, only_split
from tcmbench.data.lines import read_text, refuse_surrogates
from tcmbench.errors import DataAbsent, DataError
from tcmbench.store import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.store import Json

HOLDS: Holds = "collection"
KEEPS: frozenset[Part] = frozenset({"query_id", "negatives", "unjudged_queries", "unjudged_documents"})

SPLIT = "train"
"""Name of the split, as the format names none."""


def read(path: Path) -> Collection:
    """Return the collection in a file; every document of `relevant_docs` has grade 1.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is not such an object; the message names every unknown id.
    """
    if not reading.exists(path):
        raise DataAbsent(path, what="The file to read", how="Check the path.")
    try:
        value = _parsed(read_text(path).removeprefix("\ufeff"))
        queries = _texts(value, "queries")
        corpus = {key: Document(text) for key, text in _texts(value, "corpus").items()}
        negatives = _ids(value, "negative_docs", required=False)
        qrels = {q: dict.fromkeys(ids, 1) for q, ids in _ids(value, "relevant_docs").items()}
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, half a character, not such an object
        raise DataError(
            f"{path}: expected one object with queries, corpus, relevant_docs [and negative_docs]: {error}"
        ) from error
    for query_id, ids in negatives.items():
        judged = qrels.setdefault(query_id, {})
        for doc_id in ids:
            if judged.setdefault(doc_id, 0) > 0:
                raise DataError(
                    f"{path}: document {doc_id} is in relevant_docs and in negative_docs of query {query_id}. Keep "
                    "one of the two."
                )
    _check_ids(path, queries, corpus, qrels)
    return Collection(queries, corpus, {SPLIT: qrels})


def write(collection: Collection, path: Path) -> None:
    """Write a collection of one split; titles are put before their texts.

    Raises:
        DataError: The collection has several splits.
    """
    judged = collection.qrels[only_split(collection, where=path)]
    value: dict[str, Json] = {
        "queries": dict(collection.queries),
        "corpus": {doc_id: document.full_text() for doc_id, document in collection.corpus.items()},
        "relevant_docs": {q: [d for d, grade in grades.items() if grade > 0] for q, grades in judged.items()},
        "negative_docs": {q: [d for d, grade in grades.items() if grade <= 0] for q, grades in judged.items()},
    }
    write_json(path, value)


def _parsed(content: str) -> object:
    value: object = strict_json.loads(content)
    if "\\u" in content:
        refuse_surrogates(value)
    return value


def _part(value: object, name: str, *, required: bool = True) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise FieldProblem("it is not an object")
    part = value.get(name)
    if part is None and not required:
        return {}
    if not isinstance(part, dict):
        raise FieldProblem(f"{name} is {'missing' if part is None else 'not an object'}")
    return cast("Mapping[str, object]", part)


def _texts(value: object, name: str) -> dict[str, str]:
    return {key: values.as_text(text, f"{name} {key}") for key, text in _part(value, name).items()}


def _ids(value: object, name: str, *, required: bool = True) -> dict[str, tuple[str, ...]]:
    part = _part(value, name, required=required)
    listed = {key: ids if isinstance(ids, list) else [] if ids is None else [ids] for key, ids in part.items()}
    return {key: tuple(values.identifier({name: one}, name) for one in ids) for key, ids in listed.items()}


def _check_ids(
    path: Path,
    queries: Mapping[str, str],
    corpus: Mapping[str, Document],
    qrels: Mapping[str, Mapping[str, int]],
) -> None:
    unknown = [f"query {q}" for q in qrels if q not in queries]
    unknown += [f"document {d} of query {q}" for q, judged in qrels.items() for d in judged if d not in corpus]
    if unknown:
        raise DataError(f"{path}: judged, but not in the file: {'; '.join(unknown)}. Add the texts.")
