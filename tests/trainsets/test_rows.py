"""The table beside a training file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench.trainsets.rows import Row, RowWriter, read_rows

ROWS = [Row("r1", ("甲证", "乙证"), "甲证", ("丙证",), -1), Row("r2", ("乙证",), "乙证", (), 3)]


@pytest.mark.parametrize("rows", [[], ROWS])
def test_rows_come_back_as_they_were(rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, or more than are kept in memory."""
    monkeypatch.setattr("tcmbench.trainsets.rows._ROWS_AT_ONCE", 1)
    with RowWriter(tmp_path / "rows.parquet") as writer:
        for row in rows:
            writer.add(row)
    assert read_rows(tmp_path / "rows.parquet") == rows
