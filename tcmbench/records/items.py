"""Items of scores as arrays: the same items in the same order for every model of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.errors import EvaluationError, NotComparable
from tcmbench.records.score import ITEMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from tcmbench.records.score import Score

    FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Items:
    """All items of one model on one task, in the order of their ids."""

    statistic: str
    """Name of the statistic that computes the score from the values."""

    ids: tuple[str, ...]
    """Item ids, sorted."""

    clusters: tuple[str, ...]
    """Cluster of each item; a cluster is resampled as a whole."""

    groups: tuple[str, ...]
    """Gold label of each item; empty strings where there is none."""

    values: FloatArray
    """seeds × items: the metric in points, or the input of the statistic (similarities)."""

    gold: FloatArray | None
    """Gold value of each item; None for statistics without one."""

    top1: tuple[tuple[str, ...], ...]
    """Seed → document ranked first of each item; empty where the task has none."""

    right: tuple[tuple[bool, ...], ...] = ()
    """Seed → whether that document is relevant, of each item; empty where the task has none."""


class Reader:
    """Reads the items of the scores of one column, one model after another.

    The common content of their tables (ids, clusters, gold labels, their order) is computed and stored once, and so is
    each name of a document: 100 models on 5,000 items are half a million values, and would be millions of strings.
    """

    def __init__(self) -> None:
        self._layout: _Layout | None = None
        self._documents: dict[str, str] = {}

    def read(self, scores: Sequence[Score]) -> Items:
        """Return the items of one model's seeds.

        Raises:
            EvaluationError: The table of items lacks a column that the score is computed from.
            NotComparable: The seeds were measured on different items.
        """
        import numpy as np

        parts = [self._read_one(score) for score in scores]
        first = parts[0]
        for score, part in zip(scores, parts, strict=True):
            if part.ids != first.ids:
                raise NotComparable(
                    f"{score.folder}: {score.record.model} on {score.record.task} was measured on different items from "
                    f"{scores[0].record.model} ({len(part.ids)} against {len(first.ids)}). Measure both again."
                )
        if len(parts) == 1:
            return first
        return Items(
            statistic=first.statistic,
            ids=first.ids,
            clusters=first.clusters,
            groups=first.groups,
            values=np.concatenate([part.values for part in parts]),
            gold=first.gold,
            top1=tuple(top for part in parts for top in part.top1),
            right=tuple(right for part in parts for right in part.right),
        )

    def _read_one(self, score: Score) -> Items:
        import numpy as np

        record = score.record
        table = score.items()
        names = set(table.column_names)
        statistic = plugins.load("statistics", record.statistic, where=str(score.folder))
        wanted = statistic.VALUES or record.metric
        needed = {"item", wanted, *filter(None, [statistic.GOLD]), *({"accuracy"} if "top1" in names else ())}
        if needed - names:
            raise EvaluationError(
                f"{score.folder / ITEMS}: expected columns {', '.join(sorted(needed))} for {record.task}, "
                f"got {', '.join(sorted(names))}. It was stored by another version: remove the folder and run again."
            )
        if self._layout is None or not self._layout.is_of(table):
            self._layout = _Layout.of(table)
        layout = self._layout
        values = np.asarray(table[wanted].to_numpy(), dtype=np.float64)[layout.order]
        return Items(
            statistic=record.statistic,
            ids=layout.ids,
            clusters=layout.clusters,
            groups=layout.groups,
            values=(values * 100 if statistic.HAS_ITEM_SCORES else values)[None, :],
            gold=np.asarray(table[statistic.GOLD].to_numpy(), np.float64)[layout.order] if statistic.GOLD else None,
            top1=(self._first_documents(table["top1"], layout),) if "top1" in names else (),
            right=(tuple((table["accuracy"].to_numpy() > 0)[layout.order].tolist()),) if "top1" in names else (),
        )

    def _first_documents(self, column: pa.ChunkedArray, layout: _Layout) -> tuple[str, ...]:
        import numpy as np

        encoded = column.combine_chunks().dictionary_encode()
        names = [self._documents.setdefault(name, name) for name in map(_text, encoded.dictionary.to_pylist())]
        # missing ones are numbered -1, which takes the last
        table = np.array([*names, ""], dtype=object)
        return tuple(table[encoded.indices.fill_null(-1).to_numpy()[layout.order]])


@dataclass(frozen=True, slots=True)
class _Layout:
    """The items of a table, and their order."""

    columns: Mapping[str, pa.ChunkedArray]
    """The columns of the table that it was read from."""

    order: npt.NDArray[np.int64]
    """Rows of the table in the order of the ids."""

    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, table: pa.Table) -> _Layout:
        """Return the layout of a table."""
        import numpy as np

        ids = np.array([str(item) for item in table["item"].to_pylist()], dtype=object)
        order = np.argsort(ids, kind="stable")
        columns = {name: table[name] for name in _LAYOUT if name in table.column_names}

        def texts(name: str) -> tuple[str, ...]:
            column = columns[name].to_pylist()
            return tuple(_text(column[row]) for row in order)

        of_ids = tuple(ids[order])
        return cls(
            columns=columns,
            order=order,
            ids=of_ids,
            clusters=texts("cluster") if "cluster" in columns else of_ids,
            groups=texts("group") if "group" in columns else ("",) * len(of_ids),
        )

    def is_of(self, table: pa.Table) -> bool:
        """Return whether a table has the same items, clusters and gold labels in the same rows."""
        names = {name for name in _LAYOUT if name in table.column_names}
        return names == self.columns.keys() and all(self.columns[name].equals(table[name]) for name in names)


_LAYOUT = ("item", "cluster", "group")


def _text(value: object) -> str:
    return "" if value is None else str(value)
