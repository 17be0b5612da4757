"""A table of pairs as training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data.recognise import TABLE
from tcmbench.data.training_source import Reading
from tcmbench.errors import DataError
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder

ROWS: list[dict[str, object]] = [
    {"title": "头痛", "body": "风寒", "wrong": "气虚"},
    {"title": "头痛", "body": "表证", "wrong": "阴虚"},
    {"title": "失眠", "body": "气虚", "wrong": "风寒"},
]
COLUMNS = {"query": "title", "positive": "body", "negative": "wrong"}


def read_folder(path: Path, columns: Mapping[str, str] | None = None) -> Folder:
    """Return a table as a folder."""
    return Reading(path, TABLE, columns=tuple((columns or {}).items())).read()


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.tsv.gz", "pairs.parquet", "pairs.json", "pairs.jsonl.zst"])
def test_a_table_is_read_as_a_train_split(tmp_path: Path, name: str) -> None:
    """Rows of one query are one record with all its positives; texts are used as they are, without names of fields."""
    folder = read_folder(write_table(tmp_path / name, ROWS), COLUMNS)
    texts = {document.doc_id: document.document() for document in folder.knowledge}
    read = [
        (record.query(), [texts[i] for i in record.labels], [texts[i] for i in record.known_negatives()])
        for record in folder.splits["train"]
    ]
    assert read == [("头痛", ["风寒", "表证"], ["气虚", "阴虚"]), ("失眠", ["气虚"], ["风寒"])]


def test_the_hash_covers_texts_positives_and_negatives(tmp_path: Path) -> None:
    """Equal in every format, and another where one of them differs."""
    hashes = {read_folder(write_table(tmp_path / name, ROWS), COLUMNS).sha256 for name in ("a.csv", "b.parquet")}
    assert len(hashes) == 1
    for column in COLUMNS.values():
        changed = [{**ROWS[0], column: "另"}, *ROWS[1:]]
        hashes.add(read_folder(write_table(tmp_path / f"{column}.csv", changed), COLUMNS).sha256)
    assert len(hashes) == 4


def test_negatives_alone_are_nothing_to_train_on(tmp_path: Path) -> None:
    """A table in which every document is graded 0."""
    path = write_table(tmp_path / "pairs.csv", [{"query": "头痛", "document": "气虚", "label": 0}])
    with pytest.raises(DataError, match="no query has a positive"):
        read_folder(path)
