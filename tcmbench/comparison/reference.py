"""Every model compared with the set's reference: may a variant ship?

Every column is resampled once, all of its models together. Board, gate and tables take their figures from here, so
they always agree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.comparison.measured import require_one_task
from tcmbench.comparison.trainings import trainings
from tcmbench.comparison.verdict import ModelVerdict, Problem, because
from tcmbench.errors import ScoreMissing
from tcmbench.specs.suite import ROLES
from tcmbench.stats.training_noise import SAME_TRAININGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from tcmbench.comparison.measured import Measured, MeasuredSet
    from tcmbench.comparison.verdict import Against
    from tcmbench.specs.policy import Policy
    from tcmbench.specs.suite import Role
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.estimates import Interval
    from tcmbench.stats.forgetting import Forgetting
    from tcmbench.stats.gate_evidence import Moved, Resampled
    from tcmbench.stats.training_noise import TrainingNoise

FEWEST_CLUSTERS = 20
"""Minimum number of independent items (patients) of a slice with an interval: with fewer, percentile intervals are too
narrow (docs/statistics.md)."""


class SliceChange(NamedTuple):
    """Change over the items of one slice."""

    value: float
    interval: Interval | None
    """None for a slice of fewer than `FEWEST_CLUSTERS` clusters."""


class Counterpart(NamedTuple):
    """What models are compared with, where it isn't the reference of their set."""

    name: str
    """The model."""

    against: Against
    """What it is to them."""

    shares_trainings: bool
    """Whether the models have its trainings, whose noise then is on both sides."""


class AgainstReference:
    """The models of a set, compared with its reference on the same resamples."""

    def __init__(
        self,
        measured: MeasuredSet,
        *,
        policy: Policy,
        names: Sequence[str] | None = None,
        counterpart: Counterpart | None = None,
    ) -> None:
        """Resample every column.

        Args:
            measured: The set.
            policy: Rules, resamples and seed.
            names: Models to compare with the reference; None for all.
            counterpart: What they are compared with instead of the set's reference.

        Raises:
            ScoreMissing: The reference is not among the models.
            NotComparable: Two models of a column were measured on different data, prompts, candidates or items.
        """
        self._counterpart = counterpart or Counterpart(measured.model_set.reference, "reference", False)
        base = measured.model(self._counterpart.name)
        if base is None:
            raise ScoreMissing(
                f"set {measured.model_set.name}: no entry for the {self._counterpart.against} "
                f"{self._counterpart.name!r}. Run the set first."
            )
        self.base = base
        self.policy = policy
        self.columns = measured.columns
        # bases, and variants that were tuned elsewhere
        self.untrained = frozenset(measured.model_set.models)
        self._models = {m.name: m for m in measured.models if m is base or names is None or m.name in names}
        self._trainings = trainings((m.entry for m in measured.models), elsewhere=self.untrained)
        self._roles: dict[str, Role] = {column.column: column.role for column in measured.columns}
        self._resampled = {name: each for name in self._roles if (each := self._resample(name)) is not None}

    @property
    def models(self) -> tuple[Measured, ...]:
        """The models, the reference among them."""
        return tuple(self._models.values())

    def draws(self, column: str) -> Draws | None:
        """Return the draws of all models with a score on a column; None where there is none."""
        return self._resampled[column].draws if column in self._resampled else None

    def over_items(self, name: str, columns: Sequence[str], *, level: float) -> Interval:
        """Return the interval of a model's mean change over columns by the choice of items alone.

        Args:
            name: The model.
            columns: Columns on which it and the reference have a score, at least one.
            level: Level of the interval.
        """
        from tcmbench.stats.draws import mean_over_tasks

        pair = {name: name, self.base.name: self.base.name}
        draws = mean_over_tasks([self._resampled[column].draws.only(pair) for column in columns])
        return draws.over_items(name, self.base.name, level=level)

    def trainings_in(self, model: Measured, columns: Sequence[str]) -> int:
        """Return the trainings behind a model's mean over columns: its seeds, or those averaged into one model."""
        number = _seeds(model, columns)
        return max(1, round(self._trainings.averaged.get(model.name, 1))) if number == 1 else number

    def lent(self, model: Measured, columns: Sequence[str]) -> float | None:
        """Return the degrees of freedom that siblings lend to the noise of training of a model.

        Of several columns it is the smallest; None where nothing is known of that noise on any.
        """
        each = [
            self._trainings.on(column).lent(model.name, seeds=_seeds(model, columns))
            for column in columns
            if model.name in self._resampled[column].draws.training
        ]
        return min(each, default=None)

    def moved(self, name: str, column: str) -> Moved | None:
        """Return how many items of a model changed; None where single items have no score of their own."""
        return self._resampled[column].moved.get(name)

    def without_interval(self, name: str, column: str) -> str:
        """Return why a model's difference from the reference has no interval; empty where it has one or is absent."""
        return self._resampled[column].without_interval.get(name, "") if column in self._resampled else ""

    def judge(self, name: str) -> ModelVerdict:
        """Return the verdict on a model, the reference excepted."""
        from tcmbench.stats import gate

        model = self._models[name]
        unjudged = {c: why for c in self._roles if (why := self.without_interval(name, c))}
        both = [c for c in self._roles if c in model.items and c in self.base.items and c not in unjudged]
        gaps = {c: gap for c in self._roles if (gap := model.gap(c)) is not None}
        missing = [c for c, gap in gaps.items() if gap.state != "not_applicable"]
        without_base = [c for c in self._roles if c in model.items and c not in self.base.items]
        result = gate.judge(
            [self._resampled[column].evidence(name) for column in both],
            policy=self.policy,
            missing=missing,
            without_base=without_base,
        )
        requires = self.policy.requires
        problems = [Problem("missing", c, because(gaps[c]), requires(c)) for c in missing]
        for column in without_base:
            gap = self.base.gap(column)
            why = f"the {self._counterpart.against} {self.base.name} has no score: {because(gap) if gap else ''}"
            problems.append(Problem("missing", column, why, requires(column)))
        problems += [Problem("unjudged", c, why, requires(c)) for c, why in unjudged.items()]
        incomplete = frozenset(self._roles[column] for column in (*missing, *without_base, *unjudged))
        return ModelVerdict(
            name=name,
            kind=model.entry.kind,
            against=self._counterpart.against,
            counterpart=self.base.name,
            seeds=model.seeds,
            changed=True,
            result=result,
            problems=tuple(problems),
            policy=self.policy,
            incomplete=incomplete,
            partial=self._partial([c for c in self._roles if c not in gaps or c in missing]),
            forgetting=None if "general" in incomplete else self._forgetting(name, both),
        )

    def slices(self, column: str, parts: Mapping[str, Sequence[str]]) -> dict[str, dict[str, dict[str, SliceChange]]]:
        """Return model → slicing → slice → change from the reference.

        Args:
            column: Column whose reported value is a mean.
            parts: Slicing → slice of each item; items with an empty string belong to none.
        """
        import numpy as np

        models = {name: model.items[column].values for name, model in self._models.items() if column in model.items}
        if self.base.name not in models:
            return {}
        changes: dict[str, dict[str, dict[str, SliceChange]]] = {name: {} for name in models if name != self.base.name}
        for slicing, membership in parts.items():
            labels = np.array(membership, dtype=object)
            for part in sorted(set(membership) - {""}):
                chosen = np.flatnonzero(labels == part)
                clusters = [self.base.items[column].clusters[place] for place in chosen]
                values = {name: rows[:, chosen] for name, rows in models.items()}
                stream = f"{column}/{slicing}/{part}"
                for name, change in self._slice(values, clusters=clusters, stream=stream).items():
                    changes[name].setdefault(slicing, {})[part] = change
        return changes

    def _slice(self, values: Mapping[str, np.ndarray], *, clusters: list[str], stream: str) -> dict[str, SliceChange]:
        from tcmbench.stats.gate_evidence import plan_of
        from tcmbench.stats.paired import bootstrap

        others = [name for name in values if name != self.base.name]
        if len(set(clusters)) < FEWEST_CLUSTERS:
            before = float(values[self.base.name].mean())
            return {name: SliceChange(float(values[name].mean()) - before, None) for name in others}
        plan = replace(plan_of(self.policy).on(stream), noise=self._trainings.over(values))
        draws = bootstrap(values, clusters=clusters, plan=plan)
        return {
            name: SliceChange(*draws.difference(name, self.base.name, level=1 - self.policy.alpha)) for name in others
        }

    def _resample(self, column: str) -> Resampled | None:
        from tcmbench.stats.gate_evidence import TaskItems, plan_of, resample

        require_one_task(column, self._models.values())
        having = {name: model for name, model in self._models.items() if column in model.items}
        if not having:
            return None
        first = next(iter(having.values()))
        items = first.items[column]
        return resample(
            TaskItems(
                task=column,
                role=self._roles[column],
                metric=first.metric(column),
                models={name: model.items[column].values for name, model in having.items()},
                clusters=items.clusters,
                statistic=items.statistic,
                gold=items.gold,
            ),
            reference=self.base.name,
            plan=replace(plan_of(self.policy), noise=self._noise(column)),
        )

    def _noise(self, column: str) -> TrainingNoise:
        return SAME_TRAININGS if self._counterpart.shares_trainings else self._trainings.on(column)

    def _partial(self, able: Sequence[str]) -> frozenset[Role]:
        """Return the roles of which a model can do some tasks and not others."""
        counts = {role: sum(self._roles[column] == role for column in able) for role in ROLES}
        whole = {role: sum(other == role for other in self._roles.values()) for role in ROLES}
        return frozenset(role for role in ROLES if 0 < counts[role] < whole[role])

    def _forgetting(self, name: str, both: Sequence[str]) -> Forgetting | None:
        from tcmbench.stats.forgetting import forgetting

        general = {c: self._resampled[c] for c in both if self._roles[c] == "general"}
        if not general:
            return None
        pair = {name: name, self.base.name: self.base.name}
        return forgetting(
            {column: resampled.draws.only(pair) for column, resampled in general.items()},
            name,
            base=self.base.name,
            worse={
                column: moved.worse / resampled.draws.n_items
                for column, resampled in general.items()
                if (moved := resampled.moved.get(name)) is not None
            },
            level=1 - self.policy.alpha,
        )


def _seeds(model: Measured, columns: Sequence[str]) -> int:
    return min(len(model.items[column].values) for column in columns)
