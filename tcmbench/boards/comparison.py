"""The statistics of a board: asks `tcmbench.stats` and puts the answers into cells and aggregates.

Every column is resampled once, all of its models together; a variant's differences are judged by the gate itself
(`tcmbench.stats.gate`), so the board never says anything else than `tcmbench check`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench.boards.table import Aggregates, Cell, Estimate, GateOutcome
from tcmbench.boards.texts import gate_reason
from tcmbench.errors import NotComparable
from tcmbench.specs.suite import GAIN_ROLES, ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from tcmbench.boards.table import Row, TaskColumn
    from tcmbench.records.items import Items
    from tcmbench.stats.draws import Draws
    from tcmbench.stats.effect import Shares
    from tcmbench.stats.estimates import Estimate as Figure
    from tcmbench.stats.gate import Evidence, GateResult
    from tcmbench.stats.policy import Policy
    from tcmbench.stats.resampling import Resampling


_FEWEST_CLUSTERS = 2
"""Below that nothing is known of the spread."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row, compared with the reference."""

    cells: Mapping[str, Cell]
    """Column → cell, with differences, corrected p values and verdicts."""

    aggregates: Aggregates
    """Gain, backward transfer and what goes with them."""

    gate: GateOutcome | None
    """What the gate says; None for rows that are no variants."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column, resampled."""

    draws: Draws
    p_values: Mapping[str, float]
    shares: Mapping[str, Shares]


class Comparer:
    """Compares every model with the reference, and models with one another, on the same resamples."""

    def __init__(
        self,
        columns: Sequence[TaskColumn],
        items: Mapping[str, Mapping[str, Items]],
        *,
        reference: str,
        policy: Policy,
    ) -> None:
        """Resample every column.

        Args:
            columns: Columns of the board.
            items: Model → column → items.
            reference: Model that everything is compared with.
            policy: Rules, resamples and seed.

        Raises:
            NotComparable: Two models of a column were measured on different items.
        """
        self._columns = {column.name: column for column in columns}
        self._items = items
        self._reference = reference
        self._policy = policy
        roles = {column.role for column in columns}
        self._gain_role = next((role for role in GAIN_ROLES if role in roles), None)
        self._gain_columns = [column.name for column in columns if column.role == self._gain_role]
        self._measured: dict[str, _Column] = {}
        for column in columns:
            found = {name: of_model[column.name] for name, of_model in items.items() if column.name in of_model}
            if found:
                _require_same_items(column.name, found)
                self._measured[column.name] = self._resampled(found)

    def score(self, name: str, column: str) -> Estimate:
        """Return a model's own figure."""
        return _estimate(self._measured[column].draws.estimate(name))

    def judge(self, name: str, cells: Mapping[str, Cell], *, variant: bool) -> Judged:
        """Return a row's cells, sums and verdicts; the reference is not compared with itself."""
        if name == self._reference:
            return Judged(cells, Aggregates(), None)
        applying = [column for column, cell in cells.items() if cell.status != "not_applicable"]
        both = [
            column
            for column in applying
            if cells[column].status == "measured" and self._reference in self._measured[column].draws.names
        ]
        from tcmbench.stats import gate

        evidence = [self.evidence(name, column) for column in both]
        missing = [column for column in applying if cells[column].status != "measured"]
        without_base = [column for column in applying if column not in both and column not in missing]
        found = gate.judge(evidence, policy=self._policy, missing=missing, without_base=without_base)
        judged = dict(cells)
        for verdict in found.tasks:
            shares = self._measured[verdict.task].shares.get(name)
            judged[verdict.task] = replace(
                cells[verdict.task],
                delta=_estimate(verdict.delta),
                p_value=verdict.p_holm,
                verdict=verdict.verdict,
                improved_share=shares.improved if shares else None,
                worse_share=shares.worse if shares else None,
            )
        told = tuple(gate_reason(violation) for violation in found.violations)
        return Judged(
            judged,
            self._aggregates(name, found, applying, both),
            GateOutcome(found.outcome, told) if variant else None,
        )

    def evidence(self, name: str, column: str) -> Evidence:
        """Return what a column says about a model against the reference, as the gate takes it."""
        from tcmbench.stats.gate import BASE, TUNED, Evidence

        measured, about = self._measured[column], self._columns[column]
        draws = _only(measured.draws, {name: TUNED, self._reference: BASE})
        return Evidence(column, about.role, about.metric, draws, measured.p_values[name])

    def slices(self, column: str, parts: Mapping[str, Sequence[str]]) -> dict[str, dict[str, dict[str, Estimate]]]:
        """Return model → slicing → slice → difference from the reference with its interval.

        A slice of a single cluster has a difference but no interval.

        Args:
            column: Column whose reported value is a mean.
            parts: Slicing → slice of each item; items with an empty string stand outside.
        """
        import numpy as np

        from tcmbench.stats.paired import bootstrap

        models = {name: of_model[column] for name, of_model in self._items.items() if column in of_model}
        found: dict[str, dict[str, dict[str, Estimate]]] = {name: {} for name in models if name != self._reference}
        if self._reference not in models:
            return {}
        clusters = models[self._reference].clusters
        for slicing, membership in parts.items():
            labels = np.array(membership, dtype=object)
            for part in sorted(set(membership) - {""}):
                chosen = np.flatnonzero(labels == part)
                values = {name: items.values[:, chosen] for name, items in models.items()}
                together = [clusters[place] for place in chosen]
                if len(set(together)) < _FEWEST_CLUSTERS:
                    before = float(values[self._reference].mean())
                    for name, slicings in found.items():
                        slicings.setdefault(slicing, {})[part] = Estimate(float(values[name].mean()) - before)
                    continue
                draws = bootstrap(values, clusters=together, plan=self._plan(f"{column}/{slicing}/{part}"))
                for name, slicings in found.items():
                    slicings.setdefault(slicing, {})[part] = _estimate(draws.difference(name, self._reference))
        return found

    def tied(self, best: str, other: str, column: str) -> bool:
        """Return whether two models can't be told apart on one column."""
        from tcmbench.stats.ranking import tied

        return tied(self._measured[column].draws, best, other)

    def gain_tied(self, best: str, other: str) -> bool:
        """Return whether the gains of two models, over the role that counts as gain, can't be told apart."""
        from tcmbench.stats.draws import mean_over_tasks
        from tcmbench.stats.ranking import tied

        pair = {best: best, other: other}
        measured = [self._measured[column].draws for column in self._gain_columns if column in self._measured]
        draws = [_only(of_column, pair) for of_column in measured if pair.keys() <= set(of_column.names)]
        return bool(draws) and tied(mean_over_tasks(draws), best, other)

    def rank_ranges(self, rows: Sequence[Row]) -> dict[str, tuple[int, int]]:
        """Return the best and worst rank by gain of every row with a score on all tasks that count as gain."""
        from tcmbench.stats.draws import mean_over_tasks
        from tcmbench.stats.ranking import rank_ranges

        columns = self._gain_columns
        whole = {row.name: row.name for row in rows if all(row.cells[column].score for column in columns)}
        if not columns or not whole:
            return {}
        return rank_ranges(mean_over_tasks([_only(self._measured[column].draws, whole) for column in columns]))

    def borda(self, rows: Sequence[Row]) -> dict[str, float]:
        """Return the share of possible Borda points of every row with a score in every column."""
        import numpy as np

        from tcmbench.stats.ranking import borda

        scores = {row.name: [cell.score.value for cell in row.cells.values() if cell.score is not None] for row in rows}
        whole = {name: values for name, values in scores.items() if len(values) == len(self._columns)}
        if not whole:
            return {}
        points = borda(np.array(list(whole.values())))
        return {name: float(share) for name, share in zip(whole, points, strict=True)}

    def front(self, rows: Iterable[Row]) -> frozenset[str]:
        """Return the names of the variants on the Pareto front of gain against backward transfer."""
        from tcmbench.stats.ranking import on_front

        points = {
            row.name: (gained.value, row.aggregates.general.value)
            for row in rows
            if row.kind == "variant"
            and (gained := row.aggregates.gain) is not None
            and row.aggregates.general is not None
        }
        if not points:
            return frozenset()
        front = on_front([x for x, _ in points.values()], [y for _, y in points.values()])
        return frozenset(name for name, leads in zip(points, front, strict=True) if leads)

    def _plan(self, stream: str) -> Resampling:
        from tcmbench.stats.resampling import Resampling

        return Resampling(n_resamples=self._policy.n_resamples, seed=self._policy.seed, stream=stream)

    def _resampled(self, found: Mapping[str, Items]) -> _Column:
        from tcmbench.stats import effect, paired
        from tcmbench.stats.gate_evidence import statistic_draws, stream_of, two_sided
        from tcmbench.stats.randomisation import sign_flip

        first = next(iter(found.values()))
        clusters = first.clusters
        plan = self._plan(stream_of(clusters))
        base = found.get(self._reference)
        others = [name for name in found if name != self._reference]
        values = {name: items.values for name, items in found.items()}
        if first.gold is None:
            draws = paired.bootstrap(values, clusters=clusters, plan=plan)
            if base is None or not others:
                return _Column(draws, {}, {})
            before = base.values.mean(axis=0)
            deltas = _stacked([found[name].values.mean(axis=0) - before for name in others])
            p_values = sign_flip(deltas, clusters=clusters, plan=plan)
            shares = {name: effect.shares(found[name].values, base.values) for name in others}
            return _Column(draws, dict(zip(others, map(float, p_values), strict=True)), shares)
        draws = statistic_draws(values, first.gold, statistic=first.statistic, clusters=clusters, plan=plan)
        p_of = {name: two_sided(draws, name, self._reference) for name in others} if base is not None else {}
        return _Column(draws, p_of, {})

    def _aggregates(self, name: str, found: GateResult, applying: Sequence[str], both: Sequence[str]) -> Aggregates:
        from tcmbench.stats.forgetting import forgetting

        able = {role: [c for c in applying if self._columns[c].role == role] for role in ROLES}
        whole = {role: all(column in both for column in able[role]) for role in ROLES}
        sums = Aggregates(
            gain_role=self._gain_role,
            partial=frozenset(
                role
                for role in ROLES
                if 0 < len(able[role]) < sum(column.role == role for column in self._columns.values())
            ),
            in_domain=_estimate(found.gain_in_domain) if found.gain_in_domain and whole["in_domain"] else None,
            held_out=_estimate(found.gain_held_out) if found.gain_held_out and whole["held_out"] else None,
        )
        general = [column for column in both if self._columns[column].role == "general"]
        if not general or not whole["general"]:
            return sums
        pair = {name: name, self._reference: self._reference}
        kept = forgetting(
            {column: _only(self._measured[column].draws, pair) for column in general},
            name,
            base=self._reference,
            shares={c: share for c in general if (share := self._measured[c].shares.get(name)) is not None},
        )
        return replace(
            sums,
            general=_estimate(kept.backward_transfer),
            worst_task=kept.worst_task,
            worst_delta=_estimate(kept.worst),
            retention=_estimate(kept.retention, scale=100) if kept.retention else None,
            worse_share=kept.worse,
        )


def _require_same_items(column: str, found: Mapping[str, Items]) -> None:
    first_name, first = next(iter(found.items()))
    for name, items in found.items():
        if items.ids != first.ids:
            raise NotComparable(
                f"column {column}: {name} was measured on {len(items.ids)} items, {first_name} on {len(first.ids)}, "
                "and they are not the same. Measure both again."
            )


def _only(draws: Draws, renamed: Mapping[str, str]) -> Draws:
    """Return the draws of some models under new names."""
    places = [draws.names.index(name) for name in renamed]
    return replace(
        draws,
        names=tuple(renamed.values()),
        observed=draws.observed[places],
        resampled=draws.resampled[:, places],
        n_seeds=tuple(draws.n_seeds[place] for place in places),
    )


def _stacked(rows: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    import numpy as np

    return np.stack(rows)


def _estimate(found: Figure, *, scale: float = 1.0) -> Estimate:
    return Estimate(found.value * scale, found.interval.low * scale, found.interval.high * scale)
