"""The models of a set with the items of their scores; nothing is trained or measured here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.errors import NotComparable
from tcmbench.records.entry import CellState
from tcmbench.records.items import Reader
from tcmbench.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tcmbench.records.entry import Entry
    from tcmbench.records.items import Items
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import Suite, SuiteTask


@dataclass(frozen=True, slots=True)
class Measured:
    """A model and the items of all its scores."""

    entry: Entry
    """Its row of the board: scores, and states where there are none."""

    items: Mapping[str, Items]
    """Column → items, one row per seed."""

    @property
    def name(self) -> str:
        """Name of the base or variant."""
        return self.entry.name

    @property
    def seeds(self) -> int:
        """Number of trainings; 0 for a model that was not trained here."""
        if self.entry.kind != "variant":
            return 0
        return max((len(items.values) for items in self.items.values()), default=0)

    def points(self, column: str) -> float:
        """Return the score of a column in points, mean over seeds."""
        scores = self.entry.scores[column]
        return 100 * sum(score.record.value for score in scores) / len(scores)

    def metric(self, column: str) -> str:
        """Return the main metric of a measured column."""
        return self.entry.scores[column][0].record.metric

    def gap(self, column: str) -> CellState | None:
        """Return why a column has no score; None where it has one."""
        if column in self.items:
            return None
        state = self.entry.states.get(column)
        if state is None:
            state = (
                CellState("failed", Reason.message(self.entry.failure))
                if self.entry.failure
                else CellState("not_measured")
            )
        return state


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """A set with the stored scores of its models."""

    model_set: ModelSet
    suite: Suite
    models: tuple[Measured, ...]
    """In the set's order: bases, then variants."""

    @property
    def columns(self) -> tuple[SuiteTask, ...]:
        """Columns of the suite."""
        return self.suite.tasks

    def model(self, name: str) -> Measured | None:
        """Return the model of this name."""
        return next((model for model in self.models if model.name == name), None)


def measured(entry: Entry, *, readers: Mapping[str, Reader] | None = None) -> Measured:
    """Return an entry with its items read.

    Args:
        entry: The entry.
        readers: Column → its reader, shared with other models; None for a single model.

    Raises:
        StoreError: A stored score is damaged.
        NotComparable: Seeds of a variant were measured on different items.
    """
    readers = defaultdict(Reader) if readers is None else readers
    return Measured(entry, {column: readers[column].read(scores) for column, scores in entry.scores.items() if scores})


def measured_set(model_set: ModelSet, suite: Suite, entries: Iterable[Entry]) -> MeasuredSet:
    """Return a set with the items of its entries read."""
    readers: Mapping[str, Reader] = defaultdict(Reader)
    return MeasuredSet(model_set, suite, tuple(measured(entry, readers=readers) for entry in entries))


def require_one_task(column: str, models: Iterable[Measured]) -> None:
    """Check that the models of a column were measured on the same task and the same items.

    Raises:
        NotComparable: The revision or the metric of the task differs, or the items do.
    """
    having = [model for model in models if column in model.items]
    tasks: dict[tuple[str, str], str] = {}
    for model in having:
        for score in model.entry.scores[column]:
            tasks.setdefault((score.record.task_revision, score.record.metric), score.record.model)
    if len(tasks) > 1:
        got = "; ".join(f"{model}: {metric} at revision {revision}" for (revision, metric), model in tasks.items())
        raise NotComparable(f"column {column}: expected one revision and metric, got {got}. Measure the models again.")
    for model in having:
        ids, first = model.items[column].ids, having[0].items[column].ids
        if ids != first:
            raise NotComparable(
                f"column {column}: {model.name} was measured on {len(ids)} items, {having[0].name} on {len(first)}, "
                "and they are not the same. Measure both again."
            )
