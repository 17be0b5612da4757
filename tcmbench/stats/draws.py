"""The figure of every model in every resample, from which all differences and their intervals follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tcmbench.errors import EvaluationError, UnknownName
from tcmbench.stats import few_items
from tcmbench.stats.estimates import LEVEL, Estimate, defined, percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from tcmbench.stats.estimates import Interval
    from tcmbench.stats.few_items import Spread
    from tcmbench.stats.inputs import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Models over the same items, resampled together."""

    names: tuple[str, ...]
    """Models, one per column."""

    observed: FloatArray
    """Figure of each model over all items."""

    resampled: FloatArray
    """Resamples × models; NaN where the statistic does not exist in a resample."""

    n_items: int
    """Items; over several tasks, of all of them."""

    n_clusters: int
    """Units that were drawn; over several tasks, of all of them."""

    n_seeds: tuple[int, ...]
    """Seeds of each model; with a single one the draws include the noise of training only if it is `pooled`."""

    tasks: int = 1
    """Tasks that they are the mean of."""

    contributions: npt.NDArray[np.float32] | None = None
    """Models × clusters: what each cluster adds to the figure, less what it would at the mean; None where the statistic
    is not a mean."""

    stream: str = ""
    """Tasks of one stream are drawn together."""

    training: Mapping[str, FloatArray] = field(default_factory=dict)
    """Model → the part of its draws that is the noise of training, which the number of items does not affect."""

    pooled: frozenset[str] = frozenset()
    """Models with a single seed whose noise of training is that of their siblings."""

    means: tuple[Draws, ...] = ()
    """The tasks that they are the mean of; empty for a single task."""

    def value(self, name: str) -> float:
        """Return a model's figure over all items."""
        return float(self.observed[self._column(name)])

    def estimate(self, name: str, *, level: float = LEVEL) -> Estimate:
        """Return a model's figure with its interval.

        Raises:
            NoInterval: The statistic doesn't exist in too many resamples; of differences and ratios too.
        """
        return Estimate(self.value(name), self._interval(self._widened(name), level))

    def difference(self, name: str, reference: str, *, level: float = LEVEL) -> Estimate:
        """Return a model's figure minus another's, with its interval; both were drawn together, so it is paired."""
        change = self.value(name) - self.value(reference)
        return Estimate(change, self._interval(self.differences(name, reference), level))

    def over_items(self, name: str, reference: str, *, level: float = LEVEL) -> Interval:
        """Return the interval of a difference by the choice of items alone, without the noise of training."""
        return self._interval(self._widened_over_items(name, reference), level)

    def differences(self, name: str, reference: str) -> FloatArray:
        """Return the difference in every resample, as wide as few items require (`tcmbench.stats.few_items`)."""
        return self._widened(name, reference)

    def ratio(self, name: str, reference: str, *, level: float = LEVEL) -> Estimate | None:
        """Return the ratio of two figures with its interval; None unless the reference is above zero in all draws.

        A drawn ratio less the observed one, r, is (figure − r · reference) / reference. Its numerator is a difference,
        and as wide as few items require.
        """
        over = self.resampled[:, self._column(reference)]
        if self.value(reference) <= 0 or float(defined(over, tasks=self.tasks).min()) <= 0:
            return None
        ratio = self.value(name) / self.value(reference)
        changes = self._widened(name, reference, times=ratio) / over
        return Estimate(ratio, self._interval(ratio + changes, level))

    def chance_at_least(self, name: str, reference: str, *, at: float) -> float:
        """Return the one-sided p value against "the difference is at least `at`": (1 + #{draws ≥ at}) / (1 + R).

        The achieved significance level of the percentile interval (Efron and Tibshirani 1993, §15.4): below α exactly
        where the interval's upper bound at 1 − α lies below `at`, so that test and interval disagree by one draw at
        most.
        """
        draws = defined(self.differences(name, reference), tasks=self.tasks)
        return (1 + int(np.count_nonzero(draws >= at))) / (1 + len(draws))

    def two_sided(self, name: str, reference: str) -> float:
        """Return the two-sided p value of a difference: twice the smaller share of draws on either side of zero."""
        upper = self.chance_at_least(name, reference, at=0.0)
        lower = self.chance_at_least(reference, name, at=0.0)
        return min(1.0, 2 * min(upper, lower))

    def only(self, renamed: Mapping[str, str]) -> Draws:
        """Return the draws of some models under new names."""
        places = [self._column(name) for name in renamed]
        return Draws(
            names=tuple(renamed.values()),
            observed=self.observed[places],
            resampled=self.resampled[:, places],
            n_items=self.n_items,
            n_clusters=self.n_clusters,
            n_seeds=tuple(self.n_seeds[place] for place in places),
            tasks=self.tasks,
            contributions=None if self.contributions is None else self.contributions[places],
            stream=self.stream,
            training={new: self.training[old] for old, new in renamed.items() if old in self.training},
            pooled=frozenset(new for old, new in renamed.items() if old in self.pooled),
            means=tuple(task.only(renamed) for task in self.means),
        )

    def spread(self, name: str, reference: str | None = None, *, times: float = 1.0) -> Spread:
        """Return what is known of the variance over items of a figure, less a multiple of the reference's."""
        spreads = []
        together: dict[tuple[str, int], FloatArray] = {}
        for task in self.means or (self,):
            parts = task._parts(name, reference, times)
            if parts is None:
                spreads.append(few_items.of_draws(task._over_items(name, reference, times), clusters=task.n_clusters))
            else:  # of tasks over the same clusters it is the sum over tasks that varies from cluster to cluster
                key = (task.stream, task.n_clusters)
                together[key] = together[key] + parts if key in together else parts
        return few_items.of_sum([*spreads, *map(few_items.of_parts, together.values())])

    def _parts(self, name: str, reference: str | None, times: float) -> FloatArray | None:
        if self.contributions is None:
            return None
        parts = np.asarray(self.contributions[self._column(name)], dtype=np.float64)
        return parts if reference is None else parts - times * self.contributions[self._column(reference)]

    def _widened(self, name: str, reference: str | None = None, *, times: float = 1.0) -> FloatArray:
        drawn = self._widened_over_items(name, reference, times)
        return drawn + self._training(name) - (0.0 if reference is None else times * self._training(reference))

    def _widened_over_items(self, name: str, reference: str | None, times: float = 1.0) -> FloatArray:
        around = self.value(name) - (0.0 if reference is None else times * self.value(reference))
        spread = self.spread(name, reference, times=times)
        return few_items.widened(self._over_items(name, reference, times), around=around, spread=spread)

    def _over_items(self, name: str, reference: str | None, times: float) -> FloatArray:
        """Return the draws without the noise of training."""
        drawn = self.resampled[:, self._column(name)] - self._training(name)
        if reference is None:
            return drawn
        return drawn - times * (self.resampled[:, self._column(reference)] - self._training(reference))

    def _training(self, name: str) -> FloatArray | float:
        return self.training.get(name, 0.0)

    def _interval(self, draws: FloatArray, level: float) -> Interval:
        return percentile(draws, level=level, tasks=self.tasks)

    def _column(self, name: str) -> int:
        if name not in self.names:
            raise UnknownName.of("model", name, self.names, where="draws")
        return self.names.index(name)


def mean_over_tasks(tasks: Sequence[Draws]) -> Draws:
    """Return the draws of the unweighted mean over tasks: every task counts the same, however many items it has.

    Row r of each task goes with row r of the others. Tasks drawn from different streams are thereby independent;
    those that share a stream, and each model's seeds, are drawn together.

    Raises:
        EvaluationError: No tasks, or tasks that differ in models or number of resamples.
    """
    if not tasks:
        raise EvaluationError("a mean over tasks needs at least one task")
    first = tasks[0]
    for task in tasks:
        if task.names != first.names or len(task.resampled) != len(first.resampled):
            raise EvaluationError(
                f"tasks to average need the same models and resamples: {first.names} × {len(first.resampled)} against "
                f"{task.names} × {len(task.resampled)}"
            )
    resampled = np.zeros_like(first.resampled)
    training: dict[str, FloatArray] = {}
    for task in tasks:
        resampled += task.resampled
        for name, noise in task.training.items():
            training[name] = training[name] + noise if name in training else noise
    return Draws(
        names=first.names,
        observed=np.mean([task.observed for task in tasks], axis=0),
        resampled=resampled / len(tasks),
        n_items=sum(task.n_items for task in tasks),
        n_clusters=sum(task.n_clusters for task in tasks),
        n_seeds=tuple(min(task.n_seeds[i] for task in tasks) for i in range(len(first.names))),
        tasks=sum(task.tasks for task in tasks),
        training={name: noise / len(tasks) for name, noise in training.items()},
        pooled=frozenset().union(*(task.pooled for task in tasks)),
        means=tuple(tasks),
    )
