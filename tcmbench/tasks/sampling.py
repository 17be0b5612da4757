"""A fixed sample of a task's items: the same items for every model and in every run.

Retrieval and reranking measure a sample of the queries against all documents: a smaller corpus would be an easier task.
A classifier is trained as on the whole task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.errors import DataError
from tcmbench.store import canonical_json
from tcmbench.task_types.two_stage import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mteb.abstasks import AbsTask

_LABELS = {"PairClassification": "label_column_name", "Clustering": "label_column_name"}
"""Type of task that needs items of several labels → its attribute with the name of their column."""


class Sample(NamedTuple):
    """Size of a sample."""

    kept: int
    """Items that are measured."""

    of: int
    """Items of the whole task."""

    what: str
    """queries, or items (pairs, texts)."""

    def __str__(self) -> str:
        return f"{self.kept:,} of {self.of:,} {self.what}"


def restrict(task: AbsTask, limit: int, *, split: str, subset: str) -> Sample:
    """Reduce the loaded data of a task to at most `limit` items, in place, and return how many of how many are left.

    Queries are chosen by the hash of their ids, pairs and texts by that of their content: data that is added displaces
    as few items as possible.

    Args:
        task: A task with its data loaded.
        limit: Most queries, pairs or texts.
        split: Split that is measured.
        subset: Subset that is measured.

    Raises:
        DataError: A task of another form, or a sample in which all items have the same label or no query an answer.
    """
    from mteb.abstasks import AbsTaskClustering
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    if isinstance(task, AbsTaskRetrieval):
        _settle_form(task)
    dataset: Any = task.dataset
    of_split = dataset.get(subset, dataset)
    if isinstance(task, AbsTaskRetrieval):
        return _queries(of_split[split], limit, name=task.metadata.name)
    if isinstance(task, AbsTaskClustering):
        # mteb's share of the texts is for corpora; the sample is small already
        task.max_fraction_of_documents_to_embed = task.max_document_to_embed = None
    kind = str(task.metadata.type)
    is_known = kind in {"STS", "PairClassification", "Classification"} or isinstance(task, AbsTaskClustering)
    if not is_known or getattr(task, "is_cross_validation", False):
        raise DataError(
            f"{task.metadata.name}: a task of type {kind} can't be limited. Leave it out of a quick look, and give its "
            "column of a suite no limit."
        )
    of_split[split], size = _rows(of_split[split], limit, is_numbered=kind == "Classification")
    label = getattr(task, _LABELS.get(kind, ""), None)
    if label is not None and len({canonical_json(value) for value in _column(of_split[split], label)}) == 1:
        raise DataError(
            f"{task.metadata.name}: the {size} all have the same label, so they measure nothing. Choose a larger limit."
        )
    return size


def _settle_form(task: Any) -> None:
    """Convert data in the form of mteb's first version, which mteb would do at the evaluation, with all queries."""
    task.convert_v1_dataset_format_to_v2(num_proc=None)
    for name in ("queries", "corpus", "relevant_docs"):
        vars(task).pop(name, None)


def _queries(data: Any, limit: int, *, name: str) -> Sample:
    """Keep a sample of the queries that have judgements; the corpus is unchanged.

    Raises:
        DataError: None of the sample has a relevant document.
    """
    judged = [query for query, grades in data["relevant_docs"].items() if grades]
    kept = frozenset(sample(judged, limit))
    ids: list[str] = data["queries"]["id"][:]
    data["queries"] = data["queries"].select([row for row, query in enumerate(ids) if query in kept])
    data["relevant_docs"] = {query: data["relevant_docs"][query] for query in judged if query in kept}
    if data.get("top_ranked") is not None:
        data["top_ranked"] = {query: ranked for query, ranked in data["top_ranked"].items() if query in kept}
    if not any(grade > 0 for grades in data["relevant_docs"].values() for grade in grades.values()):
        raise DataError(
            f"{name}: the {len(kept)} queries of a sample of {len(judged)} have no relevant document, so every model "
            "would score 0. Choose a larger limit."
        )
    return Sample(len(kept), len(judged), "queries")


def _rows(rows: Any, limit: int, *, is_numbered: bool) -> tuple[Any, Sample]:
    """Return a sample of the rows of a split, in their order, and how many of how many they are.

    Args:
        rows: The split.
        limit: Most rows.
        is_numbered: Whether rows are items, which have the name of their row in the whole split unless they have one.
    """
    if len(rows) == 1 and isinstance(next(iter(rows[0].values())), list):
        # mteb's older pair classification: all pairs in one row
        columns: dict[str, list[Any]] = dict(rows[0])
        places = _places([list(row) for row in zip(*columns.values(), strict=True)], limit)
        size = len(next(iter(columns.values())))
        return type(rows).from_dict(
            {name: [[values[place] for place in places]] for name, values in columns.items()}
        ), Sample(len(places), size, "items")
    columns = rows.to_dict()
    places = _places([list(row) for row in zip(*columns.values(), strict=True)], limit)
    chosen = rows.select(places)
    if is_numbered and "item" not in columns:
        chosen = chosen.add_column("item", [str(place) for place in places])
    return chosen, Sample(len(places), len(rows), "items")


def _places(contents: Sequence[Sequence[Any]], limit: int) -> list[int]:
    """Return the numbers of the chosen rows; equal rows are told apart by how many came before."""
    seen: dict[str, int] = {}
    names: dict[str, int] = {}
    for place, content in enumerate(contents):
        text = canonical_json(list(content))
        seen[text] = seen.get(text, 0) + 1
        names[f"{seen[text]} {text}"] = place
    return [names[name] for name in sample(names, limit)]


def _column(rows: Any, name: str) -> Sequence[Any]:
    values: Sequence[Any] = rows[name][:]
    return values[0] if len(rows) == 1 and isinstance(values[0], list) else values
