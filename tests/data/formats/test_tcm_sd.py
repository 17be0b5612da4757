"""TCM-SD folders as collections, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data import tcm_sd as reader
from tcmbench.data.convert import convert
from tcmbench.data.formats import Collection, Document, tcm_sd
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]
    MakeRecord = Callable[..., dict[str, object]]


def test_a_folder_survives(make_folder: MakeFolder, make_record: MakeRecord, tmp_path: Path) -> None:
    """Queries, documents, labels and splits are the same after there and back."""
    rows = [make_record(1, norm_syndrome="甲虚证|乙实证"), make_record(2, description="一\n二", chief_complaint=None)]
    root = make_folder({"train": rows, "test_unseen": [make_record(3, detection=None)]})
    tcm_sd.write(tcm_sd.read(root), tmp_path / "again")
    before, after = reader.read_folder(root), reader.read_folder(tmp_path / "again")

    assert [entry.document() for entry in before.knowledge] == [entry.document() for entry in after.knowledge]
    assert {
        split: [(r.record_id, r.query(), r.labels) for r in records] for split, records in before.splits.items()
    } == {split: [(r.record_id, r.query(), r.labels) for r in records] for split, records in after.splits.items()}


def test_patients_and_diseases_survive(make_folder: MakeFolder, make_record: MakeRecord, tmp_path: Path) -> None:
    """A patient's records stay those of one patient, also of two splits; where none is named, none is made up."""
    rows = [
        make_record(1, example_id="e1"),
        make_record(1, example_id="e2", lcd_name=None),
        make_record(1, example_id="e3", user_id=None),
    ]
    root = make_folder({"train": rows, "test": [make_record(1, example_id="e1"), make_record(2)]})
    conversion = convert(root, tmp_path / "again", source_format="tcm_sd", target_format="tcm_sd")
    splits = reader.read_folder(tmp_path / "again").splits

    assert {split: [(r.record_id, r.patient_id, r.disease) for r in records] for split, records in splits.items()} == {
        "train": [("e1", "p1", "虚劳"), ("e2", "p1", ""), ("e3", "train/e3", "虚劳")],
        "test": [("test/e1", "p1", "虚劳"), ("p2", "p2", "虚劳")],
    }
    assert conversion.lost == {}


@pytest.mark.parametrize("target", ["beir", "rag_json", "swift"])
def test_lost_patients_and_diseases_are_counted(
    make_folder: MakeFolder, make_record: MakeRecord, tmp_path: Path, target: str
) -> None:
    """A patient whose id is the query's is lost with the query's id alone."""
    rows = [make_record(1, example_id="e1"), make_record(2, lcd_name=None), make_record(3, user_id=None)]
    root = make_folder({"train": rows, "test": [make_record(9, example_id="e9")]})
    conversion = convert(root, tmp_path / "out", source_format="tcm_sd", target_format=target, split="train")

    others = {"query_id": 3, "unjudged_documents": 2} if target == "swift" else {}
    assert conversion.lost == {"disease": 2, "patient_id": 1, **others}


def test_an_id_of_two_splits_names_two_queries(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """The second is led by its split."""
    collection = tcm_sd.read(make_folder({"train": [make_record(1)], "test": [make_record(1)]}))

    assert list(collection.queries) == ["p1", "test/p1"]


def test_plain_texts_become_histories_and_definitions(tmp_path: Path) -> None:
    """A document without headings is named by its id."""
    collection = Collection({"q": "头昏"}, {"甲证": Document("不足。")}, {"test": {"q": {"甲证": 2}}})
    tcm_sd.write(collection, tmp_path / "data")
    folder = reader.read_folder(tmp_path / "data")

    assert [record.query() for record in folder.splits["test"]] == ["现病史：头昏\n"]
    assert [entry.document() for entry in folder.knowledge] == ["名称：甲证。\n定义：不足。"]


@pytest.mark.parametrize(
    ("collection", "reason"),
    [
        (Collection({"q": "问"}, {"d": Document("文")}, {"valid": {"q": {"d": 1}}}), "split 'valid'"),
        (Collection({"q": "问"}, {"d": Document("文")}, {"test": {"q": {"d": 0}}}), "without a positive: q"),
        (Collection({}, {"a|b": Document("文")}, {"test": {}}), "can't hold"),
        (Collection({}, {"a": Document("名称：甲。"), "b": Document("名称：甲。")}, {}), "both named 甲"),
    ],
)
def test_what_has_no_place_is_refused(tmp_path: Path, collection: Collection, reason: str) -> None:
    """Nothing is written."""
    with pytest.raises(DataError, match=reason):
        tcm_sd.write(collection, tmp_path / "data")
    assert not (tmp_path / "data").exists()
