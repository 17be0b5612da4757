"""Small TCM-SD folders, written for these tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Row = dict[str, object]
WriteFolder = "Callable[..., Path]"

ENTRIES: tuple[Row, ...] = (
    {
        "Name": "甲虚证",
        "Definition": "甲处不足，以倦怠为主。",
        "Typical_performance": "倦怠，懒言。",
        "Common_isease": "虚劳",
    },
    {
        "Name": "乙实证",
        "Definition": "乙处壅滞，以胀满为主。",
        "Typical_performance": "胀满，拒按。",
        "Common_isease": "胀病",
    },
    {"Name": "丙寒证", "Definition": "丙处受寒，以冷痛为主。", "Typical_performance": "冷痛，喜暖。"},
)


def record(number: int, **changes: object) -> Row:
    """Return a record with official keys; a change to None leaves the key out."""
    row: Row = {
        "user_id": f"p{number}",
        "lcd_name": "虚劳",
        "norm_syndrome": "甲虚证",
        "chief_complaint": f"倦怠{number}天",
        "description": f"自述第{number}次发作，卧床稍缓。",
        "detection": "神清，舌淡。",
    }
    return {key: value for key, value in (row | changes).items() if value is not None}


def json_lines(rows: Sequence[object]) -> str:
    """Return rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture
def make_record() -> Callable[..., Row]:
    """Return the maker of records."""
    return record


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder from its splits; `knowledge` and `files` replace the defaults."""

    def make(
        splits: dict[str, Sequence[object]] | None = None,
        *,
        knowledge: Sequence[object] = ENTRIES,
        files: dict[str, str] | None = None,
        name: str = "data",
    ) -> Path:
        root = tmp_path / name
        root.mkdir()
        (root / "syndrome_knowledge.jsonl").write_text(json_lines(knowledge), encoding="utf-8")
        for split, rows in (splits or {}).items():
            (root / f"{split}.jsonl").write_text(json_lines(rows), encoding="utf-8")
        for file, text in (files or {}).items():
            (root / file).write_text(text, encoding="utf-8")
        return root

    return make
