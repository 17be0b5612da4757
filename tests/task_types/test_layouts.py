"""What the layouts of tasks say of their texts: leaks by file and line, items as they are scored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.task_types._layouts import Beir, Rows, TcmSd

if TYPE_CHECKING:
    from pathlib import Path


def _write(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_both_sides_of_a_pair_are_looked_at(tmp_path: Path) -> None:
    """Every text of a file of pairs by file, line and field; no item is one text."""
    file = _write(
        tmp_path / "pairs.jsonl", {"sentence1": "一", "sentence2": "二"}, {"sentence1": "三", "sentence2": "四"}
    )
    layout = Rows(("sentence1", "sentence2"))
    (texts,) = layout.evaluation_texts("Pairs", file, ["test"])
    assert texts.kind == "pairs"
    assert texts.texts == {
        "pairs.jsonl:1:sentence1": "一", "pairs.jsonl:2:sentence1": "三",
        "pairs.jsonl:1:sentence2": "二", "pairs.jsonl:2:sentence2": "四",
    }  # fmt: skip
    assert layout.item_texts(file, "test") == {}


def test_rows_of_a_folder_are_items_by_number(tmp_path: Path) -> None:
    """Items count from 0, and only the splits that are measured are looked at."""
    _write(tmp_path / "train.jsonl", {"text": "训练"})
    _write(tmp_path / "test.jsonl", {"text": "甲"}, {"text": "乙"})
    layout = Rows(("text",), item="text")
    assert layout.item_texts(tmp_path, "test") == {"0": "甲", "1": "乙"}
    (texts,) = layout.evaluation_texts("Probe", tmp_path, ["test"])
    assert set(texts.texts.values()) == {"甲", "乙"}


def test_queries_and_documents_are_looked_at(tmp_path: Path) -> None:
    """A folder in BEIR layout has queries as items; those of the split and all documents may not be learnt."""
    _write(tmp_path / "queries.jsonl", {"_id": "q", "text": "问"}, {"_id": "p", "text": "训练"})
    _write(tmp_path / "corpus.jsonl", {"_id": "d", "text": "答"})
    (tmp_path / "qrels").mkdir()
    for split, query in (("test", "q"), ("train", "p")):
        (tmp_path / f"qrels/{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{query}\td\t1\n", "utf-8")
    assert Beir().item_texts(tmp_path, "test") == {"q": "问", "p": "训练"}
    found = {texts.kind: texts for texts in Beir().evaluation_texts("QA", tmp_path, ["test"])}
    assert {kind: dict(texts.texts) for kind, texts in found.items()} == {
        "queries": {"q": "问"},
        "documents": {"d": "答"},
    }
    assert not any(texts.may_be_learnt for texts in found.values())


def test_records_come_with_their_patients(synthetic_root: Path) -> None:
    """The knowledge base of a TCM-SD folder may be learnt, its records may not."""
    folder = synthetic_root / "tcm-synth"
    records = TcmSd().records(folder, "test")
    queries, documents = TcmSd().evaluation_texts("Tiny", folder, ["test"])
    assert queries.patients == {record.patient_id for record in records}
    assert documents.may_be_learnt
    assert not queries.may_be_learnt
