"""`scores.json`: the table as data, with its JSON Schema for readers."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from tcmbench.boards.table import Table


def to_json(table: Table) -> str:
    """Return the text of `scores.json`."""
    return TypeAdapter(Table).dump_json(table, indent=1).decode() + "\n"


def schema() -> str:
    """Return the JSON Schema of `scores.json`."""
    return json.dumps(TypeAdapter(Table).json_schema(mode="serialization"), indent=1, ensure_ascii=False) + "\n"
