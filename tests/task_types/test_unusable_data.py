"""Data that can't measure a model is refused; data that is merely unusual is counted and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import tasks
from tcmbench.errors import BadLines, DataError, SpecError
from tests.task_types.folders import DOCUMENTS, QRELS, workspace_of, write_beir, write_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mteb.abstasks import AbsTask

ROWS = [("头痛", "甲"), ("发热", "甲"), ("心悸", "乙"), ("失眠", "乙")]


def loaded(root: Path, text: str) -> AbsTask:
    """Return a task of this spec with its data."""
    place = workspace_of(root, {"Task": text})
    task = tasks.instantiate(tasks.resolve(place, "Task"), "test")
    task.load_data()
    return task


def labelled(
    root: Path, kind: str, rows: Sequence[tuple[Any, Any]], *, test: Sequence[tuple[Any, Any]] = ()
) -> AbsTask:
    """Return a task of labelled texts with its data."""
    path = "texts" if kind == "classification" else "texts/train.jsonl"
    for name, split in {"train": rows, "test": test or rows}.items():
        write_lines(root / f"data/texts/{name}.jsonl", [{"text": text, "label": label} for text, label in split])
    return loaded(root, f'type = "{kind}"\npath = "{path}"\n')


def pairs(root: Path, kind: str, field: str, golds: Sequence[Any], options: str = "") -> AbsTask:
    """Return a task of sentence pairs with these gold values."""
    rows: list[Mapping[str, object]] = [
        {"sentence1": f"甲{number}", "sentence2": f"乙{number}", field: gold} for number, gold in enumerate(golds)
    ]
    write_lines(root / "data/pairs.jsonl", rows)
    return loaded(root, f'type = "{kind}"\npath = "pairs.jsonl"\n{options}')


@pytest.mark.parametrize(
    ("labels", "reason"),
    [("甲甲甲甲", "one label for all of 4 texts"), ("甲乙丙丁", "a different label for each of 4 texts")],
)
def test_clusters_of_all_or_of_one_are_refused(tmp_path: Path, labels: str, reason: str) -> None:
    """They give every model the same V-measure."""
    with pytest.raises(DataError, match=reason):
        labelled(tmp_path, "clustering", [(f"文{number}", label) for number, label in enumerate(labels)])


def test_one_class_is_refused(tmp_path: Path) -> None:
    """Every model would score 100%."""
    with pytest.raises(DataError, match=r"train\.jsonl:1: .* one label for all 4"):
        labelled(tmp_path, "classification", [(text, "甲") for text, _ in ROWS])


def test_labels_that_no_training_text_has_are_refused(tmp_path: Path) -> None:
    """Each with its line."""
    with pytest.raises(DataError, match=r"1 texts have labels .*test\.jsonl:2 \(丙\)"):
        labelled(tmp_path, "classification", ROWS, test=[("咳嗽", "甲"), ("腹胀", "丙")])


@pytest.mark.parametrize("written", ["热A ", "\u3000热A", "热Ａ", "热A\r"])
@pytest.mark.parametrize("kind", ["classification", "clustering"])
def test_a_label_has_one_spelling(tmp_path: Path, kind: str, written: str) -> None:
    """Space around it and full-width letters make no other label, and the spellings are said."""
    rows = [("头痛", "热A"), ("发热", written), ("心悸", "寒"), ("失眠", "寒")]
    task = labelled(tmp_path, kind, rows)

    data = task.dataset["train"]["label"] if kind == "classification" else task.dataset["default"]["test"]["labels"]
    assert len(set(data)) == 2
    assert len(set(data[:2])) == 1
    assert any("labels written in several ways" in note for note in task.notes)


def test_labels_may_be_whole_numbers(tmp_path: Path) -> None:
    """1 and "1" are one label."""
    task = labelled(tmp_path, "classification", [("头痛", 1), ("发热", "1"), ("心悸", 0), ("失眠", "0")])

    assert task.label_names == ["0", "1"]
    assert task.notes == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("头痛", None), "label: expected text or a whole number, got null"),
        (("头痛", True), "got true or false"),
        (("头痛", 1.5), "got a decimal number"),
        ((7, "甲"), "text: expected text, got a number"),
        (("", "甲"), "text: expected text, got blank text"),
        ((" \n", "甲"), "got blank text"),
        ((["头"], "甲"), "got an array"),
    ],
)
@pytest.mark.parametrize("kind", ["classification", "clustering"])
def test_misleading_rows_are_named(tmp_path: Path, kind: str, row: tuple[Any, Any], reason: str) -> None:
    """By line, with what was found."""
    with pytest.raises(BadLines, match=rf"train\.jsonl:5: .*{reason}"):
        labelled(tmp_path, kind, [*ROWS, row])


def test_equal_texts_with_different_labels_are_counted(tmp_path: Path) -> None:
    """No model can be right about both."""
    task = labelled(tmp_path, "clustering", [*ROWS, ("头痛", "乙")])

    assert task.notes == (
        "1 texts occur more than once with different labels: no model can be right about all of them",
    )


@pytest.mark.parametrize(
    "score", ["Infinity", "-Infinity", "NaN", "5.1", "-0.1", f"1{'0' * 400}", '"three"', "null", "true"]
)
def test_scores_outside_the_scale_are_refused(tmp_path: Path, score: str) -> None:
    """Infinite, no number, huge, text, or above and below the scale."""
    path = write_lines(tmp_path / "data/pairs.jsonl", [{"sentence1": "甲", "sentence2": "乙", "score": 1}])
    with path.open("a", encoding="utf-8") as file:
        file.write(f'{{"sentence1": "丙", "sentence2": "丁", "score": {score}}}\n')

    with pytest.raises(BadLines, match=r"pairs\.jsonl:2: score: expected"):
        loaded(tmp_path, 'type = "sts"\npath = "pairs.jsonl"\n')


def test_the_scale_is_an_option(tmp_path: Path) -> None:
    """Its ends are on it."""
    task = pairs(tmp_path, "sts", "score", [-1, 0, 1], "[options]\nlow = -1\nhigh = 1\n")

    assert list(task.dataset["default"]["test"]["score"]) == [-1, 0, 1]


def test_a_scale_needs_two_ends(tmp_path: Path) -> None:
    """In their order."""
    with pytest.raises(SpecError, match="expected high above low"):
        pairs(tmp_path, "sts", "score", [0, 1], "[options]\nlow = 1\nhigh = 1\n")


def test_equal_scores_are_refused(tmp_path: Path) -> None:
    """They have no order."""
    with pytest.raises(DataError, match="expected scores that differ, got 3 for every pair"):
        pairs(tmp_path, "sts", "score", [3, 3, 3.0])


@pytest.mark.parametrize("label", [2, -1, 0.5, "yes", None, True])
def test_labels_of_pairs_are_0_and_1(tmp_path: Path, label: object) -> None:
    """Anything else is named by line."""
    with pytest.raises(BadLines, match=r"pairs\.jsonl:3: label: expected"):
        pairs(tmp_path, "pair_classification", "label", [0, 1, label])


def test_pairs_of_one_label_are_refused(tmp_path: Path) -> None:
    """Every model would have the same precision."""
    with pytest.raises(DataError, match="expected labels 0 and 1, both, got 1"):
        pairs(tmp_path, "pair_classification", "label", [1, 1.0])


COPIES = {**DOCUMENTS, "d5": DOCUMENTS["d1"], "d6": DOCUMENTS["d1"], "d7": DOCUMENTS["d4"]}


@pytest.mark.parametrize(
    ("options", "qrels"),
    [("", {"d1": 1}), ('[options]\ncopies = "relevant"\n', {"d1": 1, "d5": 1, "d6": 1})],
    ids=["as judged", "relevant"],
)
@pytest.mark.parametrize("kind", ["retrieval", "two_stage"])
def test_copies_of_a_relevant_document_are_counted(
    tmp_path: Path, kind: str, options: str, qrels: dict[str, int]
) -> None:
    """They count as relevant where the task says so, and are said either way."""
    write_beir(tmp_path / "data/beir", documents=COPIES)
    task = loaded(tmp_path, f'type = "{kind}"\npath = "beir"\n{options}')

    assert task.dataset["default"]["test"]["relevant_docs"]["q1"] == qrels
    assert [note.partition(",")[0] for note in task.notes] == [
        "2 unjudged documents have the text of a relevant one under another id"
    ]


def test_a_copy_that_is_judged_keeps_its_grade(tmp_path: Path) -> None:
    """Somebody looked at it."""
    write_beir(tmp_path / "data/beir", documents=COPIES, qrels=QRELS + "q1\td5\t0\n")
    task = loaded(tmp_path, 'type = "retrieval"\npath = "beir"\n[options]\ncopies = "relevant"\n')

    assert task.dataset["default"]["test"]["relevant_docs"]["q1"] == {"d1": 1, "d5": 0, "d6": 1}


def test_queries_without_a_relevant_document_are_counted(tmp_path: Path) -> None:
    """They score 0 with every model; repeated judgements are said too."""
    write_beir(tmp_path / "data/beir", qrels=QRELS.replace("q3\td3\t1", "q3\td3\t0") + "q1\td1\t1\n")
    task = loaded(tmp_path, 'type = "retrieval"\npath = "beir"\n')

    assert task.notes == (
        "1 judgements occur more than once, with equal grades",
        "1 of 3 queries have no relevant document and score 0 with every model",
    )
