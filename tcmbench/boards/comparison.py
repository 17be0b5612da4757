"""The statistics of a board: asks `tcmbench.stats` and puts the answers into cells and aggregates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards.table import Aggregates, Cell, Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.items import Items
    from tcmbench.boards.table import Row
    from tcmbench.specs.suite import Role


class Comparer:
    """Compares every model with the reference, and models with one another, on the same items."""

    def __init__(
        self,
        items: Mapping[str, Mapping[str, Items]],
        values: Mapping[str, Mapping[str, float]],
        *,
        reference: str,
        roles: Mapping[str, Role],
        resamples: int,
        seed: int,
    ) -> None:
        """Keep what is compared.

        Args:
            items: Model → column → items.
            values: Model → column → reported figure in points, mean over seeds.
            reference: Model that everything is compared with.
            roles: Column → role.
            resamples: Bootstrap resamples.
            seed: Seed of the resampling.
        """
        self._items = items
        self._values = values
        self._reference = reference
        self._roles = roles
        self._resamples = resamples
        self._seed = seed

    def compare(self, name: str, column: str, cell: Cell) -> Cell:
        """Return the cell with its score, and its difference from the reference."""
        value = self._values[name][column]
        base = self._values[self._reference].get(column)
        delta = None if base is None or name == self._reference else Estimate(value - base)
        return replace(cell, score=Estimate(value), delta=delta)

    def correct(self, cells: Mapping[str, Cell]) -> dict[str, Cell]:
        """Return a row's cells with p values corrected over the row's tasks (Holm)."""
        return dict(cells)

    def aggregate(self, name: str, cells: Mapping[str, Cell]) -> Aggregates:
        """Return gain, backward transfer and what goes with them."""
        if name == self._reference:
            return Aggregates()
        general = self._deltas("general", cells)
        worst = min(general, key=lambda column: (general[column].value, column)) if general else ""
        return Aggregates(
            in_domain=self._role_mean("in_domain", cells),
            held_out=self._role_mean("held_out", cells),
            general=self._role_mean("general", cells),
            worst_task=worst,
            worst_delta=general[worst] if worst else None,
        )

    def tied(self, best: str, other: str, column: str) -> bool:
        """Return whether two models can't be told apart on one column."""
        return False

    def gain_tied(self, best: str, other: str) -> bool:
        """Return whether the gains of two models can't be told apart."""
        return False

    def borda(self, rows: Sequence[Row]) -> dict[str, float]:
        """Return the share of possible Borda points of every complete row."""
        return {}

    def front(self, rows: Sequence[Row]) -> frozenset[str]:
        """Return the names of the rows on the Pareto front of gain against backward transfer."""
        return frozenset()

    def _deltas(self, role: Role, cells: Mapping[str, Cell]) -> dict[str, Estimate]:
        return {
            column: cell.delta
            for column, cell in cells.items()
            if self._roles[column] == role and cell.delta is not None
        }

    def _role_mean(self, role: Role, cells: Mapping[str, Cell]) -> Estimate | None:
        """Return the mean difference over a role's tasks; None when one that applies has no score."""
        applying = [c for c in cells if self._roles[c] == role and cells[c].status != "not_applicable"]
        deltas = self._deltas(role, cells)
        if not applying or len(deltas) < len(applying):
            return None
        return Estimate(sum(deltas[c].value for c in applying) / len(applying))
