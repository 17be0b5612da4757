"""What becomes of rows and collections on their way from one format to another, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import pytest

from tcmbench import plugins
from tcmbench.data import tcm_sd as folders
from tcmbench.data.convert import convert
from tcmbench.data.formats import (
    CollectionFormat,
    RowFormat,
    TrainingRow,
    collect,
    tcm_sd,
    weighted,
)
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeFolder = Callable[..., Path]
    MakeRecord = Callable[..., dict[str, object]]


def written(path: Path, *rows: object) -> Path:
    """Return a file of these rows."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("source", ["pos_doc", "pos_neg", "swift", "swift_query_response", "weighted"])
@pytest.mark.parametrize("target", ["beir", "rag_json"])
def test_rows_of_one_query_become_one_query(tmp_path: Path, source: str, target: str) -> None:
    """With the judgements of all its rows, so that no positive of it goes unjudged; how many is said."""
    rows = [
        TrainingRow("问一", ("答一",), ("错",)),
        TrainingRow("问二", ("答三",), ("答一",)),
        TrainingRow("问一", ("答二",), ("错二", "答一")),
    ]
    cast("RowFormat", plugins.load("formats", source)).write(rows, tmp_path / "rows.jsonl")

    conversion = convert(tmp_path / "rows.jsonl", tmp_path / "out", source_format=source, target_format=target)
    read = cast("CollectionFormat", plugins.load("formats", target)).read(tmp_path / "out")

    assert read.queries == {"q0": "问一", "q1": "问二"}
    judged = {
        read.queries[q]: {read.corpus[d].text: n for d, n in grades.items()}
        for q, grades in read.qrels["train"].items()
    }
    assert judged == {"问一": {"答一": 1, "错": 0, "答二": 1, "错二": 0}, "问二": {"答三": 1, "答一": 0}}
    # The format itself holds one row per query there.
    assert conversion.merged == (0 if source == "weighted" else 1)
    assert source == "weighted" or str(conversion) == "3 rows; 1 of them merged with an earlier row of the same query"


def test_the_higher_of_two_grades_counts() -> None:
    """In whatever order they come, and a grade before no grade at all."""
    rows = [
        TrainingRow("问", ("答", "又"), grades=(2.0, 1.0)),
        TrainingRow("问", ("答",), ("又",)),
        TrainingRow("问", ("又",), grades=(3.0,)),
    ]

    assert collect(rows).qrels == {"train": {"q0": {"d0": 2, "d1": 3}}}


def test_queries_with_ids_are_merged_by_id_alone() -> None:
    """Two records of one text stay two."""
    rows = [TrainingRow("问", ("答",), query_id="a"), TrainingRow("问", ("又",), query_id="b")]

    assert collect(rows).queries == {"a": "问", "b": "问"}


def test_a_record_with_two_labels_comes_back_from_rows(
    tmp_path: Path, make_folder: MakeFolder, make_record: MakeRecord
) -> None:
    """ms-swift wants one line per positive; the record is one again in TCM-SD's own form."""
    root = make_folder({"train": [make_record(1, norm_syndrome="甲虚证|乙实证"), make_record(2)]})
    middle, end = tmp_path / "train.jsonl", tmp_path / "again"
    convert(root, middle, source_format="tcm_sd", target_format="swift")
    conversion = convert(middle, end, source_format="swift", target_format="tcm_sd")

    assert (conversion.rows, conversion.merged) == (3, 1)
    labels = [record.labels for record in folders.read_folder(end).splits["train"]]
    assert labels == [("甲虚证", "乙实证"), ("甲虚证",)]


def test_records_that_differ_in_their_ids_alone_stay_two(
    tmp_path: Path, make_folder: MakeFolder, make_record: MakeRecord
) -> None:
    """Two patients may say the same."""
    root = make_folder(
        {"train": [make_record(1), make_record(2, chief_complaint="倦怠1天", description="自述第1次发作，卧床稍缓。")]}
    )
    convert(root, tmp_path / "again", source_format="tcm_sd", target_format="tcm_sd")

    assert list(tcm_sd.read(tmp_path / "again").queries) == ["p1", "p2"]


def test_weighted_lines_of_one_query_are_one_row_wherever_they_stand(tmp_path: Path) -> None:
    """A positive may come after another query's lines."""
    source = written(
        tmp_path / "w.jsonl",
        {"query": "问一", "doc": "错", "rel": 0},
        {"query": "问二", "doc": "答二", "rel": 1},
        {"query": "问一", "doc": "答一", "rel": 2},
    )

    assert list(weighted.read(source)) == [
        TrainingRow("问一", ("答一",), ("错",), grades=(2.0,)),
        TrainingRow("问二", ("答二",)),
    ]
    assert convert(source, tmp_path / "p.jsonl", source_format="weighted", target_format="pos_neg").rows == 2


USER = {"role": "user", "content": "问"}
EXTRA_KEYS = {
    "pos_doc": {"query": "问", "question": "又问", "pos_doc": "答", "negs": ["错"], "neg_doc": None, "source": ""},
    "pos_neg": {"query": "问", "pos": ["答"], "negs": ["错"], "pos_scores": [0.5], "prompt": ""},
    "swift": {"messages": [USER], "positive_messages": [[USER]], "rejected_response": "错", "images": []},
    "swift_query_response": {"query": "问", "response": "答", "negative_messages": [[USER]], "history": None},
    "weighted": {"query": "问", "doc": "答", "rel": 1, "source": "书"},
}


@pytest.mark.parametrize(
    ("name", "unread"),
    [
        ("pos_doc", {"negs": 2, "question": 2}),
        ("pos_neg", {"negs": 2, "pos_scores": 2}),
        ("swift", {"rejected_response": 2}),
        ("swift_query_response", {"negative_messages": 2}),
        ("weighted", {"source": 2}),
    ],
)
def test_keys_without_meaning_are_named_and_counted(tmp_path: Path, name: str, unread: dict[str, int]) -> None:
    """Line by line, where they hold anything: a misspelt `neg` costs the negatives."""
    source = written(tmp_path / "in.jsonl", EXTRA_KEYS[name], EXTRA_KEYS[name])
    conversion = convert(source, tmp_path / "out.jsonl", source_format=name, target_format="pos_neg")

    assert conversion.unread == unread
    assert f"; keys that the source format doesn't define: {min(unread)} (2)" in str(conversion)


@pytest.mark.parametrize("target", ["beir", "rag_json", "tcm_sd", "pos_neg"])
def test_queries_and_documents_without_judgement_are_counted_where_they_go(tmp_path: Path, target: str) -> None:
    """Rows are made of judgements; TCM-SD's own form has documents without, but no such queries."""
    value = {
        "queries": {"a": "问", "b": "又问", "c": "再问"},
        "corpus": {"d": "答", "e": "错", "f": "余"},
        "relevant_docs": {"a": ["d"]},
    }
    source = written(tmp_path / "in.json", value)
    conversion = convert(source, tmp_path / "out", source_format="rag_json", target_format=target)

    unjudged = {name: n for name, n in conversion.lost.items() if name.startswith("unjudged")}
    expected = {"tcm_sd": {"unjudged_queries": 2}, "pos_neg": {"unjudged_documents": 2, "unjudged_queries": 2}}
    assert unjudged == expected.get(target, {})


def test_rounded_grades_are_counted(tmp_path: Path) -> None:
    """Where grades are kept; where there is no place for any, that is said instead."""
    rows = [TrainingRow("问", ("答一", "答二", "答三"), grades=(0.1, 2.5, 3.0))]
    weighted.write(rows, tmp_path / "w.jsonl")
    to_beir = convert(tmp_path / "w.jsonl", tmp_path / "b", source_format="weighted", target_format="beir")
    to_json = convert(tmp_path / "w.jsonl", tmp_path / "r", source_format="weighted", target_format="rag_json")

    assert (to_beir.rounded, str(to_beir)) == (2, "1 rows; grades rounded to whole numbers: 2")
    assert (to_json.rounded, to_json.lost) == (0, {"grades": 1})


@pytest.mark.parametrize("target", ["pos_doc", "pos_neg", "swift", "swift_query_response"])
def test_a_row_without_a_positive_is_named_where_it_stands(tmp_path: Path, target: str) -> None:
    """By the line of its file, not by a row of the file that was never written."""
    source = written(
        tmp_path / "w.jsonl",
        {"query": "问一", "doc": "答", "rel": 1},
        {"query": "问二", "doc": "错", "rel": 0},
        {"query": "问二", "doc": "又错", "rel": 0},
    )

    with pytest.raises(DataError, match="has no positive") as caught:
        convert(source, tmp_path / "out.jsonl", source_format="weighted", target_format=target)
    assert str(caught.value).startswith(f"{source}:2: ")
    with pytest.raises(DataError, match=rf"without a positive: q1 \({source}:2\)"):
        convert(source, tmp_path / "out", source_format="weighted", target_format="tcm_sd")


def test_a_query_without_a_positive_is_named_by_file_and_id(tmp_path: Path) -> None:
    """A collection has no lines, but it has ids."""
    value = {"queries": {"a": "问"}, "corpus": {"d": "错"}, "relevant_docs": {}, "negative_docs": {"a": ["d"]}}
    source = written(tmp_path / "in.json", value)

    with pytest.raises(DataError, match="has no positive") as caught:
        convert(source, tmp_path / "out.jsonl", source_format="rag_json", target_format="pos_neg")
    assert str(caught.value).startswith(f"{source}: query a: ")


@pytest.mark.parametrize("source_format", ["pos_neg", "pos_doc"])
def test_a_row_unlike_the_others_is_named_where_it_stands(tmp_path: Path, source_format: str) -> None:
    """Blank lines and rows that become several lines don't shift the count."""
    source = tmp_path / "in.jsonl"
    pos, neg = ("pos", "neg") if source_format == "pos_neg" else ("pos_doc", "neg_doc")
    source.write_text(
        f'{{"query": "问", "{pos}": ["答", "又"], "{neg}": ["错"]}}\n\n{{"query": "问二", "{pos}": ["答"]}}\n', "utf-8"
    )

    with pytest.raises(DataError, match="has none, unlike the rows before") as caught:
        convert(source, tmp_path / "out.jsonl", source_format=source_format, target_format="swift")
    assert str(caught.value).startswith(f"{source}:3: ")
