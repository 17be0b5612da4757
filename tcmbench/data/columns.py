"""Names of the columns of a table: common ones, or the ones that a user maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.errors import DataError, SpecError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Names(NamedTuple):
    """The names that each column may have in a file."""

    of: Mapping[str, tuple[str, ...]]
    """Column → its names, the preferred one first."""

    mapped: Mapping[str, str]
    """Column → the name that the user gives it."""

    def find(self, row: Mapping[str, object], column: str) -> str:
        """Return the name that a column goes by in a row; empty where it has none.

        Raises:
            FieldProblem: Several of the names hold something.
        """
        names = self.of[column]
        filled = [name for name in names if not values.is_missing(row.get(name))]
        if len(filled) > 1:
            raise FieldProblem(
                f"expected one column for {column}, got {' and '.join(filled)}. Rename or leave out all but one, or "
                "name it in the option `columns`"
            )
        return filled[0] if filled else next((name for name in names if name in row), "")


def require_known(known: Iterable[str], mapped: Mapping[str, str]) -> None:
    """Check that a user names columns that there are.

    Raises:
        SpecError: There is none of such a name.
    """
    unknown = sorted(mapped.keys() - set(known))
    if unknown:
        raise SpecError(f"columns: expected some of {', '.join(known)}, got {', '.join(unknown)}.")


def names(known: Mapping[str, tuple[str, ...]], mapped: Mapping[str, str]) -> Names:
    """Return the names of columns: the mapped name alone where there is one, else the common ones.

    A name that is mapped to one column is no name of another.

    Raises:
        SpecError: A column that isn't known, or two columns of one name, which would be compared with themselves.
    """
    require_known(known, mapped)
    taken = {name: column for column, name in mapped.items()}
    if len(taken) < len(mapped):
        raise SpecError(f"columns: expected a different name for each column, got {', '.join(mapped.values())}.")
    accepted = {
        column: (mapped[column],) if column in mapped else tuple(name for name in common if name not in taken)
        for column, common in known.items()
    }
    nameless = sorted(column for column, left in accepted.items() if not left)
    if nameless:
        raise SpecError(
            f"columns: {taken[known[nameless[0]][0]]} takes the name of column {nameless[0]}. Map {nameless[0]} too."
        )
    return Names(accepted, mapped)


def require(path: Path, mapped: Iterable[str], present: Iterable[str]) -> None:
    """Check that a file has the columns that the user names: a misspelt one would be left out, and change the score.

    Raises:
        DataError: It lacks one; the message lists those that it has.
    """
    have = list(present)
    lacking = [name for name in mapped if name not in have]
    if lacking:
        raise DataError(str(UnknownName.of("column", lacking[0], have, where=f"{path}: option columns")))
