"""The order of a board's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.recommend import common_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.table import BoardRow


def in_order(rows: Sequence[BoardRow]) -> tuple[BoardRow, ...]:
    """Return the rows: the reference, variants by gain, others by mean score; rows without a figure are last.

    Cures follow the first variant that they are made from, and forms their model, by gain, too; the place of such a
    group is that of the largest gain in it. Of equal figures, the order is that of the names.
    """
    _, means = common_means(rows)
    names = {row.name for row in rows}
    parents = {row.name: row.cure.untreated[0] for row in rows if row.cure and row.cure.untreated[0] in names}
    models = {row.name: row.form.of for row in rows if row.form}
    parents |= {name: parents.get(model, model) for name, model in models.items() if parents.get(model, model) in names}
    groups: dict[str, list[BoardRow]] = {}
    for row in rows:
        groups.setdefault(parents.get(row.name, row.name), []).append(row)

    def place(row: BoardRow) -> tuple[int, float, str]:
        if row.is_reference:
            return (0, 0.0, row.name)
        if row.kind == "variant":
            sums = row.aggregates
            # a suite of general tasks only has no gain to sort by
            gained = sums.gain if sums.gain_role else sums.general
            return (1, float("inf") if gained is None else -gained.value, row.name)
        return (2, -means.get(row.name, float("-inf")), row.name)

    def within(row: BoardRow) -> tuple[bool, tuple[int, float, str]]:
        return (row.name in parents, place(row))

    ordered = sorted(groups.values(), key=lambda group: min(map(place, group)))
    return tuple(row for group in ordered for row in sorted(group, key=within))
