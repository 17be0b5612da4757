"""The tables of docs/recipes, from the published boards: ``python -m tests.docs.recipe_tables`` writes them anew.

A table is the lines that begin with ``|`` after the line ``<!-- docs/boards/NAME -->``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tcmbench import strict_json

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "recipes"
_TABLE = re.compile(r"<!-- docs/boards/([\w-]+) -->\n((?:\|[^\n]*\n)*)")
_HEAD = (
    "| model | mean in domain | gain in domain | gain held out | forgetting (BWT) | gate |\n|:--|--:|--:|--:|--:|:--|"
)


def boards_of(page: str) -> list[tuple[str, str]]:
    """Return the boards that a page quotes, each with its table."""
    return [(found[1], found[2].rstrip("\n")) for found in _TABLE.finditer(page)]


def table(board: str) -> str:
    """Return the table of a board: means of the tasks in domain, differences from the reference, verdict."""
    scores = strict_json.loads((ROOT / "docs/boards" / board / "scores.json").read_text(encoding="utf-8"))
    return "\n".join([_HEAD, *(_row(row) for row in scores["rows"])])


def _written(found: re.Match[str]) -> str:
    return f"<!-- docs/boards/{found[1]} -->\n{table(found[1])}\n"


def _row(row: dict[str, Any]) -> str:
    sums = row["aggregates"]
    gate = "reference" if row["is_reference"] else row["gate"]["outcome"].replace("_", " ") if row["gate"] else ""
    cells = [
        row["name"],
        f"{sums['means']['in_domain']['value']:.1f}",
        *(_difference(sums[role]) for role in ("in_domain", "held_out", "general")),
        gate,
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _difference(value: dict[str, float] | None) -> str:
    if value is None:
        return ""
    if value["low"] is None:
        return _signed(value["value"])
    return f"{_signed(value['value'])} [{_signed(value['low'])}, {_signed(value['high'])}]"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−").replace("−0.0", "0.0").replace("+0.0", "0.0")


def main() -> None:
    """Write every table anew."""
    for path in sorted(PAGES.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        new = _TABLE.sub(_written, page)
        path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
