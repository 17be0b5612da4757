"""Reading the JSON lines of tasks that are not retrieval: every row has the same few fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.lines import Problem, describe, iter_objects
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAMES = {str: "a string", float: "a number"}


def read_rows(path: Path, fields: Mapping[str, type]) -> dict[str, list[str | float]]:
    """Return the fields as columns, in the file's order.

    Args:
        path: A .jsonl file.
        fields: Field → str or float; a label may also be a whole number and is then read as its digits.

    Raises:
        BadLines: Rows that lack a field or hold another kind of value; all of them.
        DataError: No rows.
    """
    columns: dict[str, list[str | float]] = {name: [] for name in fields}
    problems: list[str] = []
    for row in iter_objects(path):
        if isinstance(row, Problem):
            problems.append(describe(path, row))
            continue
        values = {name: _value(row.value.get(name), kind) for name, kind in fields.items()}
        wrong = [name for name, value in values.items() if value is None]
        if wrong:
            wanted = ", ".join(f"`{name}`: {_NAMES[fields[name]]}" for name in wrong)
            problems.append(f"{path}:{row.number}: expected {wanted}; got keys {sorted(row.value)}")
            continue
        for name, value in values.items():
            if value is not None:
                columns[name].append(value)
    if problems:
        raise BadLines(problems, advice="Mend these lines; the formats are described in docs/data.md.")
    if not next(iter(columns.values())):
        raise DataError(f"{path}: expected at least one row, got none")
    return columns


def _value(given: object, kind: type) -> str | float | None:
    if isinstance(given, bool):
        return None
    if kind is float:
        return float(given) if isinstance(given, int | float) else None
    if isinstance(given, int):
        return str(given)
    return given if isinstance(given, str) and given.strip() else None
