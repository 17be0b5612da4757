"""BEIR folders as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data.beir_folder import read_qrels
from tcmbench.data.formats import Collection, Document, beir
from tcmbench.errors import BadLines, DataAbsent, DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two queries and two documents."""
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "d1", "title": "题", "text": "文一"}\n{"_id": 2, "text": "文二"}\n', "utf-8"
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "问一"}\n{"_id": "q2", "text": "问二"}\n', "utf-8")
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\t2\t0\n", "utf-8")
    return tmp_path


def test_a_folder_is_read(folder: Path) -> None:
    """Numbers are ids, titles may be missing, grade 0 is a judged negative."""
    expected = Collection(
        {"q1": "问一", "q2": "问二"},
        {"d1": Document("文一", "题"), "2": Document("文二")},
        {"test": {"q1": {"d1": 2, "2": 0}}},
    )

    assert expected == beir.read(folder)


@pytest.mark.parametrize(
    "text",
    ["q1\td1\t2\nq1\t2\t0\n", "q1\t0\td1\t2\r\nq1\t0\t2\t0\r\n", "query-id\tcorpus-id\tscore\nq1\td1\t2.0\nq1\t2\t-1"],
    ids=["no header", "trec", "fractions that are none"],
)
def test_every_form_of_judgements_is_read(folder: Path, text: str) -> None:
    """With and without header, three columns or four."""
    (folder / "qrels" / "test.tsv").write_bytes(text.encode())

    assert beir.read(folder).qrels["test"] == {"q1": {"d1": 2, "2": 0}}


@pytest.mark.parametrize("heading", ["query-id", "query_id", "QID", "query", "\ufeffQuery-ID"])
def test_a_header_is_no_judgement(folder: Path, heading: str) -> None:
    """By whichever name of the first column, and after a byte order mark."""
    (folder / "qrels" / "test.tsv").write_text(f"{heading}\tcorpus-id\tscore\nq1\td1\t2\n", "utf-8")

    assert beir.read(folder).qrels["test"] == {"q1": {"d1": 2}}
    assert read_qrels(folder / "qrels" / "test.tsv") == {"q1": {"d1": 2}}


def test_an_id_that_speaks_of_queries_is_no_header(folder: Path) -> None:
    """The first judgement of a file without a header counts, whatever its ids are."""
    (folder / "queries.jsonl").write_text('{"_id": "query-1", "text": "问一"}\n', "utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-1\td1\t2\n", "utf-8")

    assert beir.read(folder).qrels["test"] == {"query-1": {"d1": 2}}
    assert read_qrels(folder / "qrels" / "test.tsv") == {"query-1": {"d1": 2}}


def test_every_bad_line_of_every_file_is_named(folder: Path) -> None:
    """Repeated ids, missing texts, unknown ids, bad grades."""
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": "d1", "text": "又"}\n{"text": "无名"}\n{"_id": "d3"}\n')
    with (folder / "queries.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"_id": "q3", "text": ["问"]}\n')
    with (folder / "qrels" / "test.tsv").open("a", encoding="utf-8") as file:
        file.write("q9\td1\t1\nq1\td9\t1\nq1\td1\nq1\td1\tgood\nq1\td1\t0.5\n")

    with pytest.raises(BadLines) as caught:
        beir.read(folder)
    assert [problem.removeprefix(f"{folder}/") for problem in caught.value.problems] == [
        "corpus.jsonl:3: d1: a second text of this id",
        "corpus.jsonl:4: expected an _id",
        "corpus.jsonl:5: d3: no text",
        "queries.jsonl:3: q3: text: expected text, got list",
        "qrels/test.tsv:4: query q9 is not in the queries",
        "qrels/test.tsv:5: document d9 is not in the corpus",
        "qrels/test.tsv:6: expected query id, document id, grade between tabs; got 2 columns",
        "qrels/test.tsv:7: expected a grade in the last column, got 'good'",
        "qrels/test.tsv:8: expected a whole grade, got 0.5",
    ]


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_an_absent_file_is_named(folder: Path, missing: str) -> None:
    """The message says what a folder holds."""
    (folder / missing).unlink()

    with pytest.raises(DataAbsent, match=missing):
        beir.read(folder)


@pytest.mark.parametrize("name", ["a\tb", "", "a\nb"])
def test_ids_that_would_break_the_table_are_refused(tmp_path: Path, name: str) -> None:
    """Before anything is written."""
    with pytest.raises(DataError, match="can't stand in a table"):
        beir.write(Collection({name: "问"}, {}, {}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_real_folders_are_read_whole(real_data: Path) -> None:
    """Counts of the general retrieval tasks."""
    sizes = {
        name: (len(read.queries), len(read.corpus), list(read.qrels))
        for name in ("cmrc2018-retrieval", "cmdd-retrieval")
        for read in [beir.read(real_data / "general" / name)]
    }

    assert sizes == {"cmrc2018-retrieval": (3218, 848, ["test"]), "cmdd-retrieval": (7234, 7236, ["test"])}
