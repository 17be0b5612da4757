"""`scores.json`: the table as data, with its JSON Schema for readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from tcmbench import strict_json
from tcmbench.boards.table import FORMAT, Table
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.recommendation import Recommendation


def to_json(table: Table) -> str:
    """Return the text of `scores.json`."""
    return TypeAdapter(Table).dump_json(table, indent=1).decode() + "\n"


def read(path: Path) -> Table:
    """Return the table of a `scores.json`: its texts are in English only, and what the file leaves out is absent.

    Raises:
        DataError: No board, or one of another version.
    """
    try:
        content = strict_json.loads(path.read_text(encoding="utf-8"))
        written = content.get("format") if isinstance(content, dict) else None
        if written != FORMAT:
            raise DataError(f"{path}: expected a board of format {FORMAT}, got {written!r}. {_REMEDY}")
        table = TypeAdapter(Table).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: not a board of this version: {where}: {first['msg']}. {_REMEDY}") from error
    except ValueError as error:
        raise DataError(f"{path}: expected JSON, got: {error}. {_REMEDY}") from error
    answer, rows = table.recommendation, {row.name for row in table.rows}
    if absent := [name for name in (table.reference, answer.row, *_others(answer)) if name and name not in rows]:
        raise DataError(f"{path}: names models without a row: {', '.join(absent)}. {_REMEDY}")
    return table


def _others(answer: Recommendation) -> tuple[str, ...]:
    return (*answer.ties, *answer.better_untrained, *answer.equal_untrained, *answer.left_out)


_REMEDY = "Write it again: tcmbench board SET"


def schema() -> str:
    """Return the JSON Schema of `scores.json`."""
    return json.dumps(TypeAdapter(Table).json_schema(mode="serialization"), indent=1, ensure_ascii=False) + "\n"
