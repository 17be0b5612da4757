"""A sample of general texts: pairs or single texts, in an order of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.general_texts import GeneralRow, sample
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write(path: Path, rows: Sequence[object]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("count", [1, 7, 40, 1000])
def test_order_and_repetitions_of_the_file_change_nothing(tmp_path: Path, count: int) -> None:
    """The same distinct rows are chosen, and a smaller sample is the start of a larger one."""
    rows = [{"query": f"问{n}", "positive": f"答{n}"} for n in range(300)]
    once = sample(write(tmp_path / "a.jsonl", rows), count=count)
    again = sample(write(tmp_path / "b.jsonl", [*reversed(rows), *rows]), count=count)
    assert once == again
    assert len(set(once)) == len(once) == min(count, 300)
    assert sample(tmp_path / "a.jsonl", count=300)[:count] == once


def test_single_texts_and_other_names_are_read(tmp_path: Path) -> None:
    """A column `text` gives single texts; other names are mapped."""
    single = sample(write(tmp_path / "single.jsonl", [{"text": "通用文本"}]), count=5)
    assert single == (GeneralRow("", "通用文本"),)
    path = write(tmp_path / "named.jsonl", [{"from": "问", "to": "答", "text": "别的"}])
    assert sample(path, count=5, columns={"query": "from", "positive": "to"}) == (GeneralRow("问", "答"),)


def test_rows_with_a_blank_text_are_left_out(tmp_path: Path) -> None:
    """Nothing can be kept of them; a file of nothing else is refused."""
    rows = [{"query": " ", "positive": "答"}, {"query": "问", "positive": "\n"}, {"query": "问", "positive": "答"}]
    assert sample(write(tmp_path / "a.jsonl", rows), count=5) == (GeneralRow("问", "答"),)
    with pytest.raises(DataError, match="at least one row"):
        sample(write(tmp_path / "b.jsonl", rows[:2]), count=5)


def test_files_without_texts_are_refused(tmp_path: Path) -> None:
    """The message names the columns."""
    with pytest.raises(BadLines, match="expected query and positive, or text"):
        sample(write(tmp_path / "other.jsonl", [{"label": "x"}]), count=5)
    with pytest.raises(DataError, match="at least one row"):
        sample(write(tmp_path / "empty.jsonl", []), count=5)
    with pytest.raises(DataError, match="ends in"):
        sample(tmp_path / "texts.txt", count=5)
