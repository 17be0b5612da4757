"""Authored content of the synthetic data, and the two ends of every generator: read TOML, write JSON lines."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from typing import TYPE_CHECKING

from tcmbench.store import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def read_toml(name: str) -> dict[str, object]:
    """Return an authored file of this package."""
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    table: dict[str, object] = tomllib.loads(text)
    return table


def write_jsonl(path: Path, lines: Iterable[Mapping[str, str | float]]) -> None:
    """Write JSON lines atomically, Chinese unescaped."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
