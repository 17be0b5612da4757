"""The items of a score: per-item values, which mteb doesn't report and paired comparisons need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench.errors import EvaluationError, ParityError
from tcmbench.stats import statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from mteb.abstasks import AbsTask

    from tcmbench.task_types import ItemInfo

TOLERANCE = 1e-9


class Recorder:
    """Keeps mteb's predictions in memory, instead of writing them to a file of hundreds of megabytes."""

    folder = Path("unused")
    """mteb passes predictions on only where a folder is named; nothing is written there."""

    def __init__(self, task: AbsTask) -> None:
        self.predictions: Any = None
        # On the instance: works for any task of mteb, without changing its class.
        task._save_task_predictions = self._keep

    def _keep(self, predictions: Any, *args: object, **kwargs: object) -> None:
        del args, kwargs
        self.predictions = predictions


def items_table(
    task: AbsTask, recorder: Recorder, scores: Mapping[str, Any], *, metric: str, split: str, subset: str
) -> pa.Table:
    """Return the per-item table of a task that was just evaluated; columns as in `Score.items`.

    Raises:
        EvaluationError: mteb gave no predictions for a kind of task that has them.
    """
    kind = str(task.metadata.type)
    if hasattr(task, "per_query"):
        return _ranking_items(task, split=split, subset=subset)
    if kind == "Clustering":
        return _clustering_items(scores)
    if recorder.predictions is None:
        raise EvaluationError(f"{task.metadata.name}: mteb gave no predictions for a task of type {kind}")
    rows = _rows(task, split=split, subset=subset)
    if kind == "Classification":
        names: Sequence[str] | None = getattr(task, "label_names", None)
        return _classification_items(recorder.predictions, rows, rows[task.label_column_name], names, metric=metric)
    if kind in {"STS", "PairClassification"}:
        gold = rows["score"] if kind == "STS" else rows[task.label_column_name]
        return _table({"similarity": recorder.predictions["cosine_scores"], "gold": [float(g) for g in gold]})
    raise EvaluationError(
        f"{task.metadata.name}: tasks of type {kind} have no per-item scores here. "
        "Leave the task out of the suite; supported are retrieval, reranking, STS, pair and other classification, "
        "clustering."
    )


def check(value: float, *, reported: float, metric: str, where: str) -> None:
    """Check that the items give the value that mteb reports; it rounds some metrics to five decimals.

    Raises:
        ParityError: They don't, to 1e-9.
    """
    if not min(abs(value - reported), abs(round(value, 5) - reported)) <= TOLERANCE:
        raise ParityError(
            f"{where}: the items give {metric} = {value!r}, mteb reports {reported!r}. No score was kept. "
            "This is a bug in tcmbench or a change in mteb: please report it."
        )


def recompute(table: pa.Table, *, metric: str, statistic: str) -> float:
    """Return the value of a statistic over an item table, on mteb's scale."""
    how = statistics.load(statistic)
    gold = table[how.GOLD].to_numpy() if how.GOLD else None
    return how.value(table[how.VALUES or metric].to_numpy(), gold)


def _ranking_items(task: AbsTask, *, split: str, subset: str) -> pa.Table:
    per_query = task.per_query[(subset, split)]
    known: Mapping[str, ItemInfo] = getattr(task, "items", {}).get(split, {})
    ids = [str(query) for query in per_query.query_ids]
    first = [str(document) for document in per_query.top1]
    qrels = task.dataset[subset][split]["relevant_docs"]
    return _table(
        {
            **{name: values.tolist() for name, values in per_query.metrics.items()},
            "accuracy": [float(qrels[q].get(d, 0) > 0) for q, d in zip(ids, first, strict=True)],
            "top1": first,
        },
        ids=ids,
        clusters=[known[i].cluster if i in known else i for i in ids],
        groups=[known[i].group if i in known else "" for i in ids],
    )


def _classification_items(
    predictions: Sequence[Sequence[Any]],
    rows: Mapping[str, Sequence[Any]],
    gold: Sequence[Any],
    names: Sequence[str] | None,
    *,
    metric: str,
) -> pa.Table:
    """Return whether each text was classified right; `names` are those of labels that mteb knows by number."""
    experiments = len(predictions)
    if metric != "accuracy":
        raise EvaluationError(f"classification is compared by accuracy, got metric {metric!r}: set metric = 'accuracy'")
    # the share of mteb's probes (each on its own training sample) that get the text right
    correct = [sum(p[i] == g for p in predictions) / experiments for i, g in enumerate(gold)]
    return _table(
        {"accuracy": correct},
        ids=[str(i) for i in rows["item"]] if "item" in rows else None,
        clusters=[str(c) for c in rows["cluster"]] if "cluster" in rows else None,
        groups=[str(g) if names is None else names[g] for g in gold],
    )


def _clustering_items(scores: Mapping[str, Any]) -> pa.Table:
    """Return one row per clustering experiment: V-measure is a property of a sample, not of a text.

    mteb's older clustering tasks report one list, over the sets of the data; its newer ones a list per level of labels.
    """
    reported = scores["v_measures"]
    levels = [reported] if isinstance(reported, list) else [reported[level] for level in sorted(reported)]
    measures = [value for level in levels for value in level]
    return _table({"v_measure": measures}, ids=[f"experiment-{i}" for i in range(len(measures))])


def _rows(task: AbsTask, *, split: str, subset: str) -> Mapping[str, Sequence[Any]]:
    data = task.dataset
    if data is None:
        raise EvaluationError(f"{task.metadata.name}: its data is missing after the evaluation")
    part = data[split] if subset not in data else data[subset][split]
    if len(part) == 1 and isinstance(part[0].get("sentence1"), list):
        return dict(part[0])  # mteb's older pair classification holds all pairs in one row
    columns: dict[str, Sequence[Any]] = part.to_dict()
    return columns


def _table(
    columns: Mapping[str, Sequence[Any]],
    *,
    ids: Sequence[str] | None = None,
    clusters: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> pa.Table:
    import pyarrow as pa

    size = len(next(iter(columns.values())))
    names = list(ids) if ids is not None else [str(i) for i in range(size)]
    return pa.table(
        {
            "item": names,
            "cluster": list(clusters) if clusters is not None else names,
            "group": list(groups) if groups is not None else [""] * size,
            **{name: list(values) for name, values in columns.items()},
        }
    )
