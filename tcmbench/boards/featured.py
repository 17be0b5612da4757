"""Selection of the variants in a picture that can't show all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcmbench.boards.table import BoardRow, Table


def featured(table: Table, count: int) -> list[BoardRow]:
    """Return at most `count` variants: the recommended one, its ties, the Pareto front, then the others by gain.

    In a set without variants they are models: the leading one, then the others by their mean.
    """
    variants = [row for row in table.rows if row.kind == "variant"]
    variants = variants or [row for row in table.rows if not row.is_reference]
    answer = table.recommendation
    rank = {name: place for place, name in enumerate((answer.row, *answer.ties))}
    ordered = sorted(
        variants,
        key=lambda row: (rank.get(row.name, len(rank)), not row.aggregates.on_front, variants.index(row)),
    )
    return ordered[:count]
