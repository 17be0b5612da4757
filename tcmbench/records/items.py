"""Items of scores as arrays: the same items in the same order for every model of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.errors import EvaluationError, NotComparable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from tcmbench.records.score import Score

    FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Items:
    """All items of one model on one task, in the order of their ids."""

    statistic: str
    """Name of the statistic: how the figure follows from the values."""

    ids: tuple[str, ...]
    """Item ids, sorted."""

    clusters: tuple[str, ...]
    """What is resampled together."""

    groups: tuple[str, ...]
    """Gold label of each item; empty strings where there is none."""

    values: FloatArray
    """seeds × items: the metric in points, or what the statistic is of (similarities)."""

    gold: FloatArray | None
    """Gold of each item; None for statistics without."""

    top1: tuple[tuple[str, ...], ...]
    """Seed → document ranked first of each item; empty where the task has none."""


def read(scores: Sequence[Score]) -> Items:
    """Return the items of one model's seeds on one task.

    Raises:
        EvaluationError: The table of items lacks the column that the score is the mean of.
        NotComparable: The seeds were measured on different items.
    """
    import numpy as np

    parts = [_read_one(score) for score in scores]
    first = parts[0]
    for score, part in zip(scores, parts, strict=True):
        if part.ids != first.ids:
            raise NotComparable(
                f"{score.folder}: {score.record.model} on {score.record.task} was measured on other items than "
                f"{scores[0].record.model} ({len(part.ids)} against {len(first.ids)}). Measure both again."
            )
    return Items(
        statistic=first.statistic,
        ids=first.ids,
        clusters=first.clusters,
        groups=first.groups,
        values=np.concatenate([part.values for part in parts]),
        gold=first.gold,
        top1=tuple(top for part in parts for top in part.top1),
    )


def _read_one(score: Score) -> Items:
    import numpy as np

    record = score.record
    table = score.items()
    names = set(table.column_names)
    statistic = plugins.load("statistics", record.statistic, where=str(score.folder))
    wanted = statistic.VALUES or record.metric
    needed = {"item", wanted, *filter(None, [statistic.GOLD])}
    if needed - names:
        raise EvaluationError(
            f"{score.folder / 'items.parquet'}: expected columns {', '.join(sorted(needed))} for {record.task}, "
            f"found {', '.join(sorted(names))}. Delete the folder and measure again."
        )
    ids = np.array([str(item) for item in table["item"].to_pylist()], dtype=object)
    order = np.argsort(ids, kind="stable")

    def texts(name: str) -> tuple[str, ...]:
        if name not in names:
            return ("",) * len(ids)
        column = table[name].to_pylist()
        return tuple("" if column[i] is None else str(column[i]) for i in order)

    values = np.asarray(table[wanted].to_numpy(), dtype=np.float64)[order]
    return Items(
        statistic=record.statistic,
        ids=tuple(ids[order]),
        clusters=texts("cluster") if "cluster" in names else tuple(ids[order]),
        groups=texts("group"),
        values=(values * 100 if statistic.HAS_ITEM_SCORES else values)[None, :],
        gold=np.asarray(table[statistic.GOLD].to_numpy(), np.float64)[order] if statistic.GOLD else None,
        top1=(texts("top1"),) if "top1" in names else (),
    )
