"""The validation report describes the contents of a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.validate import OFFICIAL_COUNTS, OfficialCheck, SplitsSharePatients, validate
from tcmbench.errors import BadLines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]
    MakeRecord = Callable[..., dict[str, object]]

LONG = "晨起头昏，动则气短，纳谷不香，夜寐多梦，小便清长，大便溏薄，腰酸膝软，畏寒肢冷，面色少华，自汗。"


@pytest.fixture
def root(make_folder: MakeFolder, make_record: MakeRecord) -> Path:
    """A folder with one of everything that the report looks for."""
    same = {"chief_complaint": None, "description": LONG, "detection": None}
    return make_folder(
        {
            "train": [
                make_record(1),
                make_record(2, **same),
                make_record(3, **same, norm_syndrome="乙实证"),
                make_record(4, norm_syndrome="甲虚证|乙实证", lcd_name=None),
            ],
            "test": [
                make_record(1),
                make_record(6, **(same | {"description": LONG.replace("自汗", "盗汗")})),
                make_record(7, norm_syndrome="丙寒证", chief_complaint="冷痛甚", description="遇冷即发，得热则安"),
                make_record(8, norm_syndrome="丁热证", chief_complaint="灼热感", description="日晡尤甚，饮冷稍舒"),
            ],
        },
        files={"syndrome_vocab.txt": "甲虚证\n乙实证\n戊证\n"},
    )


def test_splits_are_counted(root: Path) -> None:
    """Records, patients, syndromes, records with several, empty fields."""
    train, test = validate(root).splits

    assert (
        train.name,
        train.records,
        train.patients,
        train.labels,
        train.multi_label,
        train.labels_not_in_train,
    ) == ("train", 4, 4, 2, 1, 0)
    assert train.empty_fields == {"chief_complaint": 2, "history": 0, "examination": 2, "disease": 1}
    assert (test.records, test.labels, test.labels_not_in_train) == (4, 3, 2)


def test_label_coverage_is_named(root: Path) -> None:
    """Labels that the knowledge base or the vocabulary lacks are named with their records; nothing is dropped."""
    report = validate(root)

    assert report.labels.not_in_knowledge == {"丁热证": 1}
    assert report.labels.not_in_vocabulary == {"丁热证": 1, "丙寒证": 1}
    assert report.labels.vocabulary_not_in_knowledge == ("戊证",)
    assert not report.is_usable


def test_label_frequencies_are_of_training(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """Head from 100 training records, tail below 20, whatever the test split holds."""
    labels = ["甲虚证"] * 100 + ["乙实证"] * 20
    train = [make_record(n, norm_syndrome=label) for n, label in enumerate(labels)]
    test = [make_record(n, norm_syndrome="丙寒证") for n in range(1000, 1100)]
    report = validate(make_folder({"train": train, "test": test}))

    assert (
        report.labels.distinct,
        report.labels.head,
        report.labels.mid,
        report.labels.tail,
    ) == (3, 1, 1, 1)


def test_copies_are_counted_within_and_across(root: Path) -> None:
    """Exact ones, those of them with other syndromes, near ones, each with an example."""
    within_train, within_test, across = validate(root).overlaps

    assert (
        within_train.left,
        within_train.right,
        within_train.exact,
        within_train.conflicting,
    ) == ("train", "train", 1, 1)
    assert ("p2", "p3", 1.0) in within_train.examples
    assert (within_test.exact, within_test.near) == (0, 0)
    assert (across.exact, across.conflicting) == (1, 0)
    assert ("p1", "p1", 1.0) in across.examples
    assert ("p2", "p6") in [example[:2] for example in across.examples]


def test_shared_patients_are_named(root: Path) -> None:
    """Pairs of splits with patients in both, and only those."""
    assert (SplitsSharePatients("train", "test", 1, ("p1",)),) == validate(root).shared_patients


def test_entries_that_say_the_same_are_named(make_folder: MakeFolder) -> None:
    """They can't be told apart by what is searched, so a score can't tell them apart either."""
    body = {"Definition": "不足。", "Typical_performance": "倦怠。"}
    report = validate(make_folder(knowledge=[{"Name": "甲", **body}, {"Name": "乙"}, {"Name": "丙", **body}]))

    assert report.knowledge.same_text == (("甲", "丙"),)
    assert report.knowledge.empty_fields == {"definition": 1, "manifestations": 1, "diseases": 3}


def test_the_official_data_is_known_by_its_sizes(root: Path) -> None:
    """Other data is no error; it is called what it is."""
    report = validate(root)

    assert not report.official.is_official
    assert report.official.found == {"train": 4, "dev": 0, "test": 4, "knowledge": 3, "vocabulary": 3}
    assert OfficialCheck(OFFICIAL_COUNTS, dict(OFFICIAL_COUNTS)).is_official
    assert OFFICIAL_COUNTS == {"train": 43180, "dev": 5486, "test": 5486, "knowledge": 1027, "vocabulary": 148}


def test_bad_lines_are_all_raised(make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """A report over half of the lines would be a wrong report."""
    root = make_folder({"train": [1, make_record(1)], "test": [make_record(1), 2]})

    with pytest.raises(BadLines) as caught:
        validate(root)
    assert len(caught.value.problems) == 2


def test_the_report_is_json(root: Path) -> None:
    """It survives being written and read, and holds the verdicts; no text of a record is in it."""
    report = validate(root)
    value = report.to_json()

    assert value == json.loads(json.dumps(value, allow_nan=False))
    assert [value["is_usable"], value["official"]["is_official"]] == [False, False]  # type: ignore[index, call-overload]
    assert "头昏" not in json.dumps(value, ensure_ascii=False)


def test_a_knowledge_base_alone_can_be_validated(make_folder: MakeFolder) -> None:
    """No splits is no error."""
    report = validate(make_folder())

    assert (report.splits, report.overlaps, report.knowledge.entries) == ((), (), 3)


def test_what_is_known_of_the_real_data_is_found(real_data: Path) -> None:
    """Unseen syndromes are unseen, and the hospital records have several syndromes."""
    pictures, tbosd = validate(real_data / "tcm-pictures"), validate(real_data / "tcm-tbosd")

    assert {split.name: split.labels_not_in_train for split in pictures.splits} == {
        "train": 0,
        "dev": 0,
        "test": 0,
        "test_unseen": 140,
    }
    assert [split.multi_label for split in tbosd.splits] == [87, 31, 36]
    assert pictures.is_usable
    assert tbosd.is_usable
