"""The table beside a training file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tcmbench.data.tcm_sd import Record, Syndrome
from tcmbench.trainsets.lines import ABSENT, Lines
from tcmbench.trainsets.rows import RowOrigin, RowWriter, read_rows

RECORDS = [Record(f"r{n}", f"p{n}", labels, "", "", "", "") for n, labels in enumerate([("甲证", "乙证"), ("乙证",)])]
KNOWLEDGE = [Syndrome(name, name, "", "", "") for name in ("甲证", "乙证", "丙证")]
ROWS = [
    RowOrigin("r0", ("甲证", "乙证"), "甲证", ("丙证",), -1),
    RowOrigin("r1", ("乙证",), "乙证", (), 3),
    RowOrigin("r1", ("乙证",), "乙证", ("甲证",), 0),
]
POSITIVES = [frozenset(record.labels) for record in RECORDS]
LINES = Lines(
    record=np.array([0, 1, 1]),
    positive=np.array([0, 1, 1]),
    negatives=np.array([[2], [ABSENT], [0]]),
    view=np.array([-1, 3, 0]),
    is_scored=True,
)


@pytest.mark.parametrize("at_once", [1, 2, 3, 4])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_rows_come_back_as_they_were(times: int, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, as many as are kept in memory, or more or fewer; in groups of no more than that."""
    monkeypatch.setattr("tcmbench.trainsets.rows._ROWS_AT_ONCE", at_once)
    with RowWriter(tmp_path / "rows.parquet", RECORDS, KNOWLEDGE, positives=POSITIVES) as writer:
        for _ in range(times):
            writer.add(LINES)
    assert read_rows(tmp_path / "rows.parquet") == ROWS * times
    groups = pq.ParquetFile(tmp_path / "rows.parquet").metadata
    assert all(groups.row_group(n).num_rows <= at_once for n in range(groups.num_row_groups))


def test_a_row_has_what_another_record_of_its_text_is_right_for(tmp_path: Path) -> None:
    """Its own labels come first; in a batch of several sources no other example may have any of them."""
    positives = [POSITIVES[0] | {"丙证"}, POSITIVES[1]]
    with RowWriter(tmp_path / "rows.parquet", RECORDS, KNOWLEDGE, positives=positives) as writer:
        writer.add(LINES)
    found = [row.labels for row in read_rows(tmp_path / "rows.parquet")]
    assert found == [("甲证", "乙证", "丙证"), ("乙证",), ("乙证",)]
