"""What the trainings of a set say about the noise of training: the figures of all seeds of all variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.stats.training_noise import TrainingNoise, prior_freedom

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import numpy.typing as npt

    from tcmbench.records.entry import Entry
    from tcmbench.records.items import Items

    FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trainings:
    """The trained variants of a set."""

    names: tuple[str, ...] = ()
    """All variants with a score, cures and forms among them."""

    figures: Mapping[str, Mapping[str, FloatArray]] | None = None
    """Column → variant with several seeds → points of each seed; NaN where it has none on this column."""

    prior: float = float("inf")
    """See `training_noise.prior_freedom`."""

    def on(
        self,
        column: str,
        *,
        variants: Mapping[str, str] | None = None,
        more: Mapping[str, FloatArray] | None = None,
    ) -> TrainingNoise:
        """Return the noise of training on a column.

        Args:
            column: The column.
            variants: Name in the draws → variant; by default every variant has its own name.
            more: Further siblings: variant → points of each seed.
        """
        variants = {name: name for name in self.names} if variants is None else variants
        return TrainingNoise({**(self.figures or {}).get(column, {}), **(more or {})}, variants, self.prior)

    def over(self, values: Mapping[str, FloatArray]) -> TrainingNoise:
        """Return the noise of training on a part of the items of a column.

        Args:
            values: Model → seeds × items of the part, in points.
        """
        siblings = {name for figures in (self.figures or {}).values() for name in figures}
        several = {name: rows.mean(axis=1) for name, rows in values.items() if name in siblings}
        return TrainingNoise(several, {name: name for name in self.names}, self.prior)


NO_TRAININGS = Trainings()
"""Those of a set without variants."""


def trainings(entries: Iterable[Entry], *, elsewhere: Collection[str] = ()) -> Trainings:
    """Return the trainings of a set.

    Models of a cure lend their spread to no variant: a part of the tuned weights has only a part of their noise. Forms
    have that of the variant itself, which would count twice.

    Args:
        entries: The rows.
        elsewhere: Rows that were not trained here, as the set declares them among its bases: they are checkpoints, with
            no noise of training.
    """
    variants = [
        entry
        for entry in entries
        if entry.kind == "variant" and entry.name not in elsewhere and any(entry.scores.values())
    ]
    seeds = {entry.name: max(map(len, entry.scores.values())) for entry in variants}
    several = [entry for entry in variants if seeds[entry.name] > 1 and not (entry.of or entry.form_of)]
    several.sort(key=lambda entry: entry.name)
    figures: dict[str, dict[str, FloatArray]] = {}
    for column in sorted({column for entry in several for column in entry.scores}):
        figures[column] = {
            entry.name: np.array([100 * score.record.value for score in entry.scores[column]])
            if entry.scores.get(column)
            else np.full(seeds[entry.name], np.nan)
            for entry in several
        }
    return Trainings(tuple(seeds), figures, prior_freedom(list(figures.values())))


def figures_of(items: Items, values: FloatArray) -> FloatArray:
    """Return the points of each seed from seeds × items."""
    from tcmbench.stats import statistics

    statistic = statistics.load(items.statistic)
    scale = 1.0 if statistic.HAS_ITEM_SCORES else 100.0
    return np.array([scale * statistic.value(row, items.gold) for row in values])
