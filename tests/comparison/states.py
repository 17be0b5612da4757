"""Sets whose scores were never measured, as the gate reads them; and the same sets with something changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.comparison.measured import Measured, MeasuredSet, measured_set
from tcmbench.records.entry import CellState
from tcmbench.specs.policy import default
from tests.boards.fake import Shape, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt


POLICIES = default().with_resamples(1_000)
POLICY = POLICIES.reference


def state(root: Path, *, variants: int = 1, seeds: int = 2, columns: int = 4, items: int = 120) -> MeasuredSet:
    """Return a set of a reference, a baseline and variants, on tasks of all statistics."""
    fake = make(root, Shape(variants=variants, columns=columns, items=items, seeds=seeds, broken=False))
    return measured_set(fake.model_set, fake.suite, fake.entries)


def with_model(of: MeasuredSet, name: str, change: Callable[[Measured], Measured]) -> MeasuredSet:
    """Return the set with one model changed."""
    return replace(of, models=tuple(change(model) if model.name == name else model for model in of.models))


def with_values(
    of: MeasuredSet, name: str, column: str, values: Callable[[npt.NDArray[np.float64]], object]
) -> MeasuredSet:
    """Return the set with the values of a model on a column changed; its recorded score is not."""

    def change(model: Measured) -> Measured:
        items = dict(model.items)
        items[column] = replace(items[column], values=np.asarray(values(items[column].values.copy()), dtype=np.float64))
        return replace(model, items=items)

    return with_model(of, name, change)


def without(of: MeasuredSet, name: str, column: str, gap: CellState) -> MeasuredSet:
    """Return the set with a score gone."""

    def change(model: Measured) -> Measured:
        entry = replace(
            model.entry,
            scores={c: s for c, s in model.entry.scores.items() if c != column},
            states={**model.entry.states, column: gap},
        )
        return replace(model, entry=entry, items={c: i for c, i in model.items.items() if c != column})

    return with_model(of, name, change)


def with_record(of: MeasuredSet, column: str, **changes: object) -> MeasuredSet:
    """Return the set with the records of a column changed in all models."""

    def change(model: Measured) -> Measured:
        scores = {
            c: tuple(replace(s, record=s.record.model_copy(update=changes)) for s in found) if c == column else found
            for c, found in model.entry.scores.items()
        }
        return replace(model, entry=replace(model.entry, scores=scores))

    return replace(of, models=tuple(change(model) for model in of.models))
