"""What the trainings of a set say about the noise of training: the figures of all seeds of all variants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tcmbench import cures
from tcmbench.stats.training_noise import TrainingNoise, noisier, prior_freedom

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

    alone: frozenset[str] = frozenset()
    """Those to which the others lend nothing where they have several models: noisier variants, and cures."""

    averaged: Mapping[str, float] = field(default_factory=dict)
    """Cure with one model of several trainings → number of trainings whose mean is as variable; see `_worth`."""

    origins: Mapping[str, str] = field(default_factory=dict)
    """Cure → the variant that it was made from, seed by seed."""

    def on(
        self,
        column: str,
        *,
        variants: Mapping[str, str] | None = None,
        earlier: Mapping[str, str] | None = None,
        more: Mapping[str, FloatArray] | None = None,
    ) -> TrainingNoise:
        """Return the noise of training on a column.

        Args:
            column: The column.
            variants: Name in the draws → variant; by default every variant has its own name.
            earlier: Name in the draws of earlier trainings → variant that they are of.
            more: Further siblings: variant → points of each seed.
        """
        siblings = {**(self.figures or {}).get(column, {}), **(more or {})}
        return self._noise(siblings, variants, earlier or {})

    def over(self, values: Mapping[str, FloatArray]) -> TrainingNoise:
        """Return the noise of training on a part of the items of a column.

        Args:
            values: Model → seeds × items of the part, in points.
        """
        siblings = {name for figures in (self.figures or {}).values() for name in figures}
        return self._noise({name: rows.mean(axis=1) for name, rows in values.items() if name in siblings}, None, {})

    def origin(self, variant: str) -> str:
        """Return the variant whose trainings a row's models were made from, one of each: its own for a variant."""
        return self.origins.get(variant, variant)

    def _noise(
        self, siblings: Mapping[str, FloatArray], variants: Mapping[str, str] | None, earlier: Mapping[str, str]
    ) -> TrainingNoise:
        now = {name: name for name in self.names} if variants is None else variants
        recipes = {**now, **earlier}
        return TrainingNoise(
            siblings,
            {**now, **{name: name for name in earlier}},  # earlier and current seeds are siblings of each other
            self.prior,
            alone=frozenset(name for name, variant in recipes.items() if variant in self.alone),
            averaged={name: self.averaged[variant] for name, variant in recipes.items() if variant in self.averaged},
            streams={name: self.origins[variant] for name, variant in now.items() if variant in self.origins},
        )


NO_TRAININGS = Trainings()
"""Those of a set without variants."""


def trainings(entries: Iterable[Entry], *, elsewhere: Collection[str] = ()) -> Trainings:
    """Return the trainings of a set.

    Models of a cure lend their spread to no variant, and borrow none where they are several: a part of the tuned
    weights has only a part of their noise. Forms have that of the variant itself, which would count twice.

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
    tasks = list(figures.values())
    made = {entry.name: entry.of for entry in variants if entry.of}
    alone = noisier(tasks) | {name for name in made if seeds[name] > 1}
    alone |= {entry.name for entry in variants if entry.form_of in alone}
    return Trainings(
        tuple(seeds),
        figures,
        prior_freedom(tasks),
        alone=alone,
        averaged=_averaged({entry.name: entry for entry in variants if entry.of}, seeds),
        origins=_origins(made, seeds),
    )


def _averaged(made: Mapping[str, Entry], seeds: Mapping[str, int]) -> dict[str, float]:
    """Return the number of trainings that each cure of several seeds together is worth; without those worth one."""

    def worth(name: str) -> float:
        if seeds.get(name) != 1 or name not in made:
            return seeds.get(name, 1)
        return _worth(made[name], min(map(worth, made[name].of)))

    return {name: number for name in made if seeds[name] == 1 and (number := worth(name)) != 1}


def _worth(cure: Entry, trainings: float) -> float:
    """Return the number of trainings whose mean is as variable as a model, as its cure says; one where it doesn't.

    Args:
        cure: A cure with one model.
        trainings: What the models that it is made from are worth, or their number.
    """
    if trainings <= 1:
        return trainings
    plugin = cures.of_recipe(cure.recipe)
    if plugin is None or not hasattr(plugin.module, "averaged"):
        return 1
    return min(trainings, plugin.module.averaged(trainings, options=plugin.options))


def _origins(made: Mapping[str, tuple[str, ...]], seeds: Mapping[str, int]) -> dict[str, str]:
    """Return the row behind each cure that is made from one other row, seed by seed: a variant as a rule.

    Only of cures with several models: a single pair doesn't show what of the luck of its training both have.
    """
    origins: dict[str, str] = {}
    for name in (name for name in made if seeds[name] > 1):
        origin = name
        while len(made.get(origin, ())) == 1 and seeds.get(made[origin][0]) == seeds[name]:
            (origin,) = made[origin]
        if origin != name:
            origins[name] = origin
    return origins


def figures_of(items: Items, values: FloatArray) -> FloatArray:
    """Return the points of each seed from seeds × items."""
    from tcmbench.stats import statistics

    statistic = statistics.load(items.statistic)
    scale = 1.0 if statistic.HAS_ITEM_SCORES else 100.0
    return np.array([scale * statistic.value(row, items.gold) for row in values])
