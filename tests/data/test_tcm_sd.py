"""TCM-SD folders in every shape that circulates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.data.tcm_sd import Record, Syndrome, read_folder, scan_folder
from tcmbench.data.tcm_sd_files import find_splits
from tcmbench.errors import BadLines, DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]
    MakeRecord = Callable[..., dict[str, object]]

EXPECTED = Record(
    record_id="p1",
    patient_id="p1",
    labels=("甲虚证",),
    chief_complaint="倦怠1天",
    history="自述第1次发作，卧床稍缓。",
    examination="神清，舌淡。",
    disease="虚劳",
)
TEXTS = {
    "complaint": EXPECTED.chief_complaint,
    "history": EXPECTED.history,
    "examination": EXPECTED.examination,
}


def problems_of(root: Path) -> tuple[str, ...]:
    """Return the problems that reading raises, without the folder."""
    with pytest.raises(BadLines) as caught:
        read_folder(root)
    return tuple(problem.removeprefix(f"{root}/") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("complaint", "history", "examination", "label"),
    [
        ("chief_complaint", "medical_history", "FDMR", "norm_syndrome"),
        ("chief_complaint", "description", "detection", "syndrome"),
        ("主诉", "现病史", "体格检查", "证型"),
    ],
)
def test_all_names_of_the_fields_are_read(
    make_folder: MakeFolder, complaint: str, history: str, examination: str, label: str
) -> None:
    """The keys of every copy give the same record."""
    row = {"user_id": "p1", "lcd_name": "虚劳", label: "甲虚证"}
    row |= {complaint: TEXTS["complaint"], history: TEXTS["history"], examination: TEXTS["examination"]}

    folder = read_folder(make_folder({"test": [row]}))

    assert folder.splits["test"] == (EXPECTED,)


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("shape", ["lines", "array", "pretty"])
def test_the_shape_of_the_files_changes_nothing(
    make_folder: MakeFolder, make_record: MakeRecord, suffix: str, encoding: str, shape: str
) -> None:
    """Same records, same hash: JSON or JSON lines, in whatever encoding and under either name."""
    rows = [make_record(1), make_record(2, norm_syndrome=["甲虚证", "乙实证"])]
    plain = read_folder(make_folder({"train": rows}, name="plain"))
    root = make_folder(name="other")
    texts = {
        "lines": "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "array": json.dumps(rows, ensure_ascii=False),
        "pretty": json.dumps(rows, ensure_ascii=False, indent=1),
    }
    (root / f"train.{suffix}").write_bytes(texts[shape].encode(encoding))

    other = read_folder(root)

    assert plain.splits == other.splits
    assert plain.sha256 == other.sha256


def test_the_hash_is_over_contents_in_any_order(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """Reordering changes nothing, any changed text, label, vocabulary or map does."""
    rows = [make_record(1), make_record(2)]
    base = read_folder(make_folder({"test": rows}, name="base")).sha256

    assert base == read_folder(make_folder({"test": rows[::-1]}, name="turned")).sha256
    changed = [
        make_folder({"test": [make_record(1), make_record(2, detection="舌红")]}, name="text"),
        make_folder({"test": [make_record(1), make_record(2, norm_syndrome="乙实证")]}, name="label"),
        make_folder({"dev": rows}, name="split"),
        make_folder({"test": rows}, files={"syndrome_vocab.txt": "甲虚证\n"}, name="vocabulary"),
        make_folder({"test": rows}, files={"label_map.txt": "甲,甲虚证,MERGE\n"}, name="map"),
    ]
    assert len({base, *(read_folder(root).sha256 for root in changed)}) == 6


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("甲虚证", ("甲虚证",)),
        ("甲虚证|乙实证", ("甲虚证", "乙实证")),
        ("甲虚证｜ 乙实证", ("甲虚证", "乙实证")),
        (["乙实证", "甲虚证"], ("乙实证", "甲虚证")),
        (["甲虚证|乙实证", "甲虚证"], ("甲虚证", "乙实证")),
        (" 甲虚证 |", ("甲虚证",)),
    ],
)
def test_every_form_of_labels_is_read(
    make_folder: MakeFolder, make_record: MakeRecord, value: object, expected: tuple[str, ...]
) -> None:
    """One name, a list, names joined by bars; no repeats, order kept."""
    folder = read_folder(make_folder({"test": [make_record(1, norm_syndrome=value)]}))

    assert expected == folder.splits["test"][0].labels


def test_the_normalised_label_is_preferred(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """`syndrome` counts only where `norm_syndrome` is missing or empty."""
    rows = [
        make_record(1, syndrome="乙实证"),
        make_record(2, syndrome="乙实证", norm_syndrome=None),
        make_record(3, syndrome="乙实证", norm_syndrome=""),
    ]
    folder = read_folder(make_folder({"test": rows}))

    assert [record.labels for record in folder.splits["test"]] == [("甲虚证",), ("乙实证",), ("乙实证",)]


def test_raw_labels_go_through_the_map(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """A raw label that the knowledge base doesn't hold is renamed; one that it holds stays."""
    rows = [make_record(n, norm_syndrome=None, syndrome=raw) for n, raw in enumerate(["旧甲", "乙实证"])]
    root = make_folder({"test": rows}, files={"label_map.txt": "旧甲,甲虚证,MERGE,\n乙实证,丙寒证,MERGE,\n"})

    assert [record.labels for record in read_folder(root).splits["test"]] == [("甲虚证",), ("乙实证",)]


def test_normalised_labels_go_through_the_map_where_it_helps(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """As the advice says: one that the knowledge base holds stays, and so does one that the map leads nowhere."""
    labels = ["旧甲|甲虚证", "乙实证", "旧丁", "弃用"]
    rows = [make_record(n, norm_syndrome=label) for n, label in enumerate(labels)]
    entries = ["旧甲,甲虚证,MERGE,", "乙实证,丙寒证,MERGE,", "旧丁,丁热证,MERGE,", "弃用,NULL,DELETE,"]
    scan = scan_folder(make_folder({"test": rows}, files={"label_map.txt": "\n".join(entries)}))

    assert [record.labels for record in scan.folder.splits["test"]] == [("甲虚证",), ("乙实证",), ("旧丁",), ("弃用",)]
    assert [unknown.label for unknown in scan.unknown_labels] == ["旧丁", "弃用"]


def test_a_label_outside_the_knowledge_base_is_refused_by_name(
    make_folder: MakeFolder, make_record: MakeRecord
) -> None:
    """Reading for use names file, line, record and label; scanning keeps the record."""
    root = make_folder({"test": [make_record(1), make_record(2, norm_syndrome="丁热证")]})

    assert problems_of(root) == ("test.jsonl:2: record p2: 丁热证 is not in the knowledge base",)
    scan = scan_folder(root)
    assert (len(scan.folder.splits["test"]), scan.problems) == (2, ())
    assert [unknown[:3] for unknown in scan.unknown_labels] == [("test", "p2", "丁热证")]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((), "主诉：倦怠1天\n现病史：自述第1次发作，卧床稍缓。\n体格检查：神清，舌淡。\n"),
        (("chief_complaint",), "现病史：自述第1次发作，卧床稍缓。\n体格检查：神清，舌淡。\n"),
        (("description", "detection"), "主诉：倦怠1天\n"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "  ", "None", "nan"])
def test_missing_fields_are_left_out_of_the_query(
    make_folder: MakeFolder, make_record: MakeRecord, missing: tuple[str, ...], value: str | None, expected: str
) -> None:
    """A query never says None, however the data says that something is missing."""
    row = make_record(1) | dict.fromkeys(missing, value)

    assert expected == read_folder(make_folder({"test": [row]})).splits["test"][0].query()


@pytest.mark.parametrize("diseases", ["Common_isease", "Common_disease", "常见疾病"])
def test_documents_are_written_from_every_spelling(make_folder: MakeFolder, diseases: str) -> None:
    """The misspelt original key, its correction and the Chinese ones give the same document."""
    entry = {"名称": "甲虚证", "定义": "不足。", "典型表现": "倦怠。", diseases: "虚劳"}

    folder = read_folder(make_folder(knowledge=[entry]))

    assert [syndrome.document() for syndrome in folder.knowledge] == [
        "名称：甲虚证。\n定义：不足。\n典型表现：倦怠。\n常见疾病：虚劳"
    ]


def test_missing_fields_are_left_out_of_the_document() -> None:
    """A syndrome may have nothing but its name."""
    assert Syndrome("甲虚证", "甲虚证", "", "", "").document() == "名称：甲虚证。"


def test_ids_are_unique_within_a_split(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """A repeated id is numbered, also where the number is taken; the patient stays one."""
    rows = [make_record(1, user_id=user) for user in ("7", "7#2", "7", 7)]
    records = read_folder(make_folder({"test": rows})).splits["test"]

    assert [record.record_id for record in records] == ["7", "7#2", "7#3", "7#4"]
    assert [record.patient_id for record in records] == ["7", "7#2", "7", "7"]


def test_an_example_id_names_the_record_and_the_user_the_patient(
    make_folder: MakeFolder, make_record: MakeRecord
) -> None:
    """Without either id the record is named by its line, and is a patient of its own."""
    rows = [make_record(1, example_id="e1"), make_record(2, user_id=None)]
    records = read_folder(make_folder({"test": rows})).splits["test"]

    assert [(r.record_id, r.patient_id) for r in records] == [("e1", "p1"), ("test-2", "test/test-2")]


@pytest.mark.parametrize("name", ["example_id", "id"])
def test_numbers_that_begin_anew_in_each_split_are_no_patients(
    make_folder: MakeFolder, make_record: MakeRecord, name: str
) -> None:
    """Record 7 of train and record 7 of test share nothing unless the data names a patient."""
    row = {**make_record(1, user_id=None), name: 7}
    splits = read_folder(make_folder({"train": [row], "test": [row]})).splits
    assert [splits[split][0].patient_id for split in ("train", "test")] == ["train/7", "test/7"]


def test_every_bad_line_of_every_file_is_named(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """All of them at once, with file, line, record and reason, and never the text of a record."""
    private = "不可外传"
    root = make_folder(
        {
            "train": [make_record(1, norm_syndrome=None, description=private), 5],
            "dev": [make_record(2, norm_syndrome=[private, 3]), make_record(3, description=[private])],
            "test": [make_record(4, chief_complaint="", description=None, detection=" ")],
        },
        knowledge=[{"Name": "甲虚证"}, {"Name": "甲虚证"}, {"Definition": "无名"}, {"Name": "乙", "Definition": 1}],
        files={"test_b.json": '{"user_id": ', "label_map.txt": "甲\n"},
    )
    problems = problems_of(root)

    expected = (
        ("label_map.txt:1: ", "got 1 columns"),
        ("syndrome_knowledge.jsonl:2: ", "甲虚证: a second entry of this name"),
        ("syndrome_knowledge.jsonl:3: ", "no name: expected one of Name"),
        ("syndrome_knowledge.jsonl:4: ", "乙: Definition: expected text, got int"),
        ("train.jsonl:1: record p1: ", "no label: expected one of norm_syndrome"),
        ("train.jsonl:2: ", "expected a JSON object, got a number"),
        ("dev.jsonl:1: record p2: ", "norm_syndrome: expected a syndrome, a list of them, or 'A|B'; got int"),
        ("dev.jsonl:2: record p3: ", "description: expected text, got list"),
        ("test.jsonl:1: record p4: ", "empty query"),
        ("test_b.json:1: ", "not JSON"),
    )
    assert len(expected) == len(problems)
    for (start, reason), problem in zip(expected, problems, strict=True):
        assert problem.startswith(start)
        assert reason in problem
        assert private not in problem


def test_splits_are_found_in_order(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """Train, dev, test, then further test splits; other files are no splits."""
    rows = [make_record(1)]
    root = make_folder(dict.fromkeys(("test_unseen", "test", "dev", "train", "sample", "testing"), rows))

    assert find_splits(root) == ("train", "dev", "test", "test_unseen")
    assert list(read_folder(root).splits) == ["train", "dev", "test", "test_unseen"]


def test_only_the_splits_asked_for_are_opened(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """A broken training file doesn't keep anybody from testing."""
    root = make_folder({"train": [5], "test": [make_record(1)]})

    assert list(read_folder(root, splits=["test"]).splits) == ["test"]


def test_the_vocabulary_is_read_without_blanks_or_repeats(make_folder: MakeFolder) -> None:
    """One name per line."""
    root = make_folder(files={"syndrome_vocab.txt": "\ufeff甲虚证\r\n\r\n 乙实证 \r\n甲虚证\r\n"})

    assert read_folder(root).vocabulary == ("甲虚证", "乙实证")


@pytest.mark.parametrize("missing", ["folder", "knowledge", "split"])
def test_absent_files_are_named(tmp_path: Path, make_folder: MakeFolder, missing: str) -> None:
    """The message says which file was expected and what a folder holds."""
    root = make_folder()
    if missing == "knowledge":
        (root / "syndrome_knowledge.jsonl").unlink()
    target = tmp_path / "nowhere" if missing == "folder" else root

    with pytest.raises(DataAbsent, match="syndrome_knowledge"):
        read_folder(target, splits=["test"] if missing == "split" else None)


def test_two_files_for_one_split_are_refused(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """Which one is meant is not guessed."""
    root = make_folder({"test": [make_record(1)]}, files={"test.json": "[]"})

    with pytest.raises(DataError, match=r"test\.json and test\.jsonl"):
        read_folder(root)


def test_an_empty_knowledge_base_is_refused(make_folder: MakeFolder) -> None:
    """Nothing could be found in it."""
    assert problems_of(make_folder(knowledge=[])) == ("syndrome_knowledge.jsonl:1: no entries",)


@given(ids=st.lists(st.sampled_from(["1", "2", "1#2", "1#3"]), min_size=1, max_size=8))
def test_record_ids_never_collide(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    """Whatever the ids of a file, records have ids of their own."""
    root = tmp_path_factory.mktemp("ids")
    rows = [{"user_id": i, "syndrome": "甲", "chief_complaint": "倦怠"} for i in ids]
    (root / "test.json").write_text(json.dumps(rows), "utf-8")
    (root / "syndrome_knowledge.json").write_text('[{"Name": "甲"}]', "utf-8")
    records = read_folder(root).splits["test"]

    assert len(ids) == len({record.record_id for record in records})
    assert ids == [record.patient_id for record in records]


@pytest.mark.parametrize(
    ("name", "splits", "documents", "vocabulary"),
    [
        ("tcm-pictures", {"train": 1133, "dev": 260, "test": 583, "test_unseen": 372}, 1027, 1027),
        ("tcm-tbosd", {"train": 480, "dev": 120, "test": 200}, 1030, 10),
        ("tcm-sd", {}, 1027, 148),
    ],
)
def test_the_real_folders_are_read_whole(
    real_data: Path, name: str, splits: dict[str, int], documents: int, vocabulary: int
) -> None:
    """Counts of the real folders."""
    folder = read_folder(real_data / name)

    assert splits == {split: len(records) for split, records in folder.splits.items()}
    assert (documents, vocabulary) == (len(folder.knowledge), len(folder.vocabulary))


@pytest.mark.parametrize(("split", "first", "ten"), [("test", 0.17, 0.49), ("test_unseen", 0.20, 0.52)])
def test_bm25_finds_in_real_data_what_it_is_known_to_find(
    real_data: Path, split: str, first: float, ten: float
) -> None:
    """Known difficulty of tcm-pictures for BM25 over characters and bigrams: queries and documents are right."""
    import bm25s

    def tokens(text: str) -> list[str]:
        plain = text.replace("\n", "")
        return [*plain, *(plain[i : i + 2] for i in range(len(plain) - 1))]

    folder = read_folder(real_data / "tcm-pictures", splits=[split])
    index = bm25s.BM25()
    index.index([tokens(entry.document()) for entry in folder.knowledge], show_progress=False)
    records = folder.splits[split]
    ranked, _ = index.retrieve([tokens(record.query()) for record in records], k=10, show_progress=False)
    hits = [
        [folder.knowledge[position].doc_id in record.labels for position in positions]
        for record, positions in zip(records, ranked, strict=True)
    ]

    assert pytest.approx(first, abs=0.01) == sum(row[0] for row in hits) / len(hits)
    assert pytest.approx(ten, abs=0.01) == sum(map(any, hits)) / len(hits)
