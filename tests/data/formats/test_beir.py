"""BEIR folders as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data.formats import Collection, Document, beir
from tcmbench.errors import BadLines, DataAbsent, DataError

if TYPE_CHECKING:
    from pathlib import Path

FRACTION = (
    "expected a whole grade of at most six digits in the last column, got '0.5': nDCG is of whole grades, and rounding "
    "would change it"
)


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
    [
        "q1\td1\t2\nq1\t2\t0\n",
        "q1\t0\td1\t2\r\nq1\t0\t2\t0\r\n",
        "q1 0 d1 2\nq1  0  2  0\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t2.0\nq1\t2\t-1",
        "score\tcorpus-id\tquery-id\n2\td1\tq1\n0\t2\tq1\n",
        "qid\titer\tdocid\trel\nq1\t0\td1\t2\nq1\t0\t2\t0\n",
    ],
    ids=["no header", "trec", "trec with spaces", "fractions that are none", "another order", "trec with a header"],
)
def test_every_form_of_judgements_is_read(folder: Path, text: str) -> None:
    """With and without header, three columns or four."""
    (folder / "qrels" / "test.tsv").write_bytes(text.encode())

    assert beir.read(folder).qrels["test"] == {"q1": {"d1": 2, "2": 0}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test.csv", "q1,d1,2\nq1,2,0\n"),
        ("test.csv", 'query-id,corpus-id,score\nq1,d1,2.0\nq1,2,"0"\n'),
        ("test.trec", "q1 0 d1 2\nq1 0 2 0\n"),
        ("test.qrels", "q1\t0\td1\t2\nq1\t0\t2\t0\n"),
        ("test.jsonl", '{"query-id": "q1", "corpus-id": "d1", "score": 2.0}\n{"qid": "q1", "docid": 2, "rel": 0}\n'),
        ("test.json", '[{"query_id": "q1", "doc_id": "d1", "score": 2}, {"query_id": "q1", "doc_id": 2, "score": 0}]'),
    ],
)
def test_judgements_may_have_any_format(folder: Path, name: str, text: str) -> None:
    """With the same grades."""
    (folder / "qrels/test.tsv").unlink()
    (folder / "qrels" / name).write_text(text, "utf-8")

    assert beir.read(folder).qrels["test"] == {"q1": {"d1": 2, "2": 0}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t0.5\n"),
        ("test.jsonl", '{"query-id": "q1", "corpus-id": "d1", "score": 0.5}\n'),
    ],
)
def test_a_fraction_is_no_grade(folder: Path, name: str, text: str) -> None:
    """Rounded, it would give another nDCG without a word."""
    (folder / "qrels/test.tsv").unlink()
    (folder / "qrels" / name).write_text(text, "utf-8")

    with pytest.raises(BadLines, match="rounding would change it"):
        beir.read(folder)


@pytest.mark.parametrize("head", ["query\trelevance\tpassage", "passage\tquery-id\tscore", "query\tscore\tcorpus\tx"])
def test_a_header_in_an_unknown_order_is_refused(folder: Path, head: str) -> None:
    """Where ids are small numbers, grades could be read as ids."""
    (folder / "corpus.jsonl").write_text('{"_id": 1, "text": "文一"}\n{"_id": 2, "text": "文二"}\n', "utf-8")
    (folder / "qrels/test.tsv").write_text(f"{head}\nq1\t1\t2\n", "utf-8")

    with pytest.raises(DataError, match="Name them in the option `columns`: judged_query, judged_document, grade"):
        beir.read(folder)


def test_columns_of_all_files_may_have_other_names(folder: Path) -> None:
    """Each file has its own columns."""
    (folder / "corpus.jsonl").write_text('{"nr": 1, "head": "题", "body": "文一"}\n{"nr":2, "body": "文二"}\n', "utf-8")
    (folder / "queries.jsonl").write_text('{"key": "q1", "question": "问一"}\n', "utf-8")
    (folder / "qrels/test.tsv").write_text("value\tto\tfrom\n2\t1\tq1\n0\t2\tq1\n", "utf-8")
    mapped = {
        "document_id": "nr", "document": "body", "title": "head", "query_id": "key", "query": "question",
        "judged_query": "from", "judged_document": "to", "grade": "value",
    }  # fmt: skip

    split = beir.read_split(folder, "test", mapped)
    assert split.documents == {"1": "题 文一", "2": "文二"}
    assert split.queries == {"q1": "问一"}
    assert split.judgements.qrels == {"q1": {"1": 2, "2": 0}}


@pytest.mark.parametrize("column", ["document", "query", "grade", "title"])
def test_a_mapped_column_that_is_absent_is_refused(folder: Path, column: str) -> None:
    """Even an optional one: the score would be that of other data. Those that there are, are listed."""
    with pytest.raises(DataError, match=r"no column named 'absent_one'.* Known: (_id|corpus-id), .*(score|text)"):
        beir.read_split(folder, "test", {column: "absent_one"})


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    """Which of them is meant can't be known."""
    (folder / "corpus.csv.gz").touch()

    with pytest.raises(DataError, match=r"expected one file named corpus, got corpus\.csv\.gz and corpus\.jsonl"):
        beir.read(folder)


def test_four_columns_without_a_header_are_those_of_trec(folder: Path) -> None:
    """Else a grade in the third column would be taken for a document, where ids are small numbers."""
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t2\t5\n", "utf-8")
    with pytest.raises(DataError, match="expected 0 or Q0 in the second of four columns"):
        beir.read(folder)


@pytest.mark.parametrize("heading", ["query-id", "query_id", "QID", "query", "\ufeffQuery-ID"])
def test_a_header_is_no_judgement(folder: Path, heading: str) -> None:
    """By whichever name of the first column, and after a byte order mark."""
    (folder / "qrels" / "test.tsv").write_text(f"{heading}\tcorpus-id\tscore\nq1\td1\t2\n", "utf-8")

    assert beir.read(folder).qrels["test"] == {"q1": {"d1": 2}}


def test_an_id_that_speaks_of_queries_is_no_header(folder: Path) -> None:
    """The first judgement of a file without a header counts, whatever its ids are."""
    (folder / "queries.jsonl").write_text('{"_id": "query-1", "text": "问一"}\n', "utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-1\td1\t2\n", "utf-8")

    assert beir.read(folder).qrels["test"] == {"query-1": {"d1": 2}}


@pytest.mark.parametrize(
    ("table", "judged"),
    [
        ("query\td1\t1\n", {"query": {"d1": 1}}),
        ("query\tcorpus-id\tscore\nquery\td1\t1\n", {"query": {"d1": 1}}),
        ("query\tdocument\tGRADE\nquery\td1\t1\n", {"query": {"d1": 1}}),
    ],
    ids=["no header", "header", "header in other words"],
)
def test_a_query_named_query_is_judged(folder: Path, table: str, judged: dict[str, dict[str, int]]) -> None:
    """A first line whose last column is a grade is a judgement, whatever the query's id is."""
    (folder / "queries.jsonl").write_text('{"_id": "query", "text": "问一"}\n', "utf-8")
    (folder / "qrels" / "test.tsv").write_text(table, "utf-8")

    assert beir.read(folder).qrels["test"] == judged


def test_a_bad_grade_in_the_first_line_is_no_header(folder: Path) -> None:
    """Where its first column is a query, the line is named and not skipped."""
    (folder / "queries.jsonl").write_text('{"_id": "query", "text": "问一"}\n', "utf-8")
    (folder / "qrels" / "test.tsv").write_text("query\td1\tgood\n", "utf-8")

    with pytest.raises(BadLines, match=r"test\.tsv:1: expected a whole grade .* got 'good'"):
        beir.read(folder)


def test_a_pair_has_one_grade(folder: Path) -> None:
    """A second judgement with another grade names both lines, in the reading of tasks too."""
    with (folder / "qrels" / "test.tsv").open("a", encoding="utf-8") as file:
        file.write("q1\td1\t0\n")

    for read in (beir.read, lambda path: beir.read_split(path, "test")):
        with pytest.raises(
            BadLines, match=r"test\.tsv:4: judges query q1 and document d1 a second time, .* line 2 has"
        ):
            read(folder)


def test_equal_judgements_may_repeat_and_are_counted(folder: Path) -> None:
    """They say the same."""
    with (folder / "qrels" / "test.tsv").open("a", encoding="utf-8") as file:
        file.write("q1\td1\t2.0\nq1\td1\t2\n")

    assert beir.read_split(folder, "test").judgements.repeats == 2
    assert beir.read(folder).qrels["test"] == {"q1": {"d1": 2, "2": 0}}


@pytest.mark.parametrize("title", ["null", "NaN", '""', '" "'])
def test_a_missing_title_is_none(folder: Path, title: str) -> None:
    """Null, the NaN of a table tool, and blank text."""
    (folder / "corpus.jsonl").write_text(
        f'{{"_id": "d1", "title": {title}, "text": "文一"}}\n{{"_id": "2", "text": "文二"}}\n', "utf-8"
    )

    assert beir.read(folder).corpus["d1"] == Document("文一")
    assert beir.read_split(folder, "test").documents["d1"] == "文一"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"_id": "d1", "title": {"zh": null}, "text": "文"}', "d1: title: expected text, got an object"),
        ('{"_id": "d1", "title": 0, "text": "文"}', "d1: title: expected text, got a number"),
        ('{"_id": "d1", "title": false, "text": "文"}', "d1: title: expected text, got true or false"),
        ('{"_id": "d1", "title": [], "text": "文"}', "d1: title: expected text, got an array"),
        ('{"_id": "d1", "text": 7}', "d1: text: expected text, got a number"),
        ('{"_id": "d1", "text": null}', "d1: text: expected text, got null"),
        ('{"_id": "d1", "text": NaN}', "d1: text: expected text, got NaN"),
        ('{"_id": "d1", "text": " "}', "d1: text: expected text, got blank text"),
        ('{"_id": 1.0, "text": "文"}', "_id: expected text or a whole number, got a decimal number"),
        ('{"_id": true, "text": "文"}', "_id: expected text or a whole number, got true or false"),
        ('{"_id": null, "text": "文"}', "_id: expected text or a whole number, got null"),
        ('{"_id": " ", "text": "文"}', "_id: expected text or a whole number, got blank text"),
    ],
)
def test_misleading_values_are_named(folder: Path, row: str, reason: str) -> None:
    """By line, with what was found, in conversions and in tasks alike."""
    (folder / "corpus.jsonl").write_text(f'{row}\n{{"_id": 2, "text": "文二"}}\n', "utf-8")
    (folder / "qrels" / "test.tsv").write_text("q1\t2\t1\n", "utf-8")

    for read in (beir.read, lambda path: beir.read_split(path, "test"), lambda path: beir.read_texts(path, "corpus")):
        with pytest.raises(BadLines) as caught:
            read(folder)
        assert caught.value.problems[0].startswith(f"{folder}/corpus.jsonl:1: {reason}")


def test_ids_are_the_same_however_they_are_written(folder: Path) -> None:
    """Digits of a number, space around, composed or decomposed: texts and judgements find each other."""
    (folder / "corpus.jsonl").write_text('{"_id": 7, "text": "文"}\n{"_id": " e\u0301 ", "text": "文"}\n', "utf-8")
    (folder / "qrels" / "test.tsv").write_text("q1\t7\t1\nq1\t\u00e9\t1\n", "utf-8")

    assert beir.read_split(folder, "test").judgements.qrels == {"q1": {"7": 1, "é": 1}}


@pytest.mark.parametrize("grade", ["1e3", "inf", "nan", "1_0", "１", "0x1", "1" * 400])
def test_only_whole_grades_are_read(folder: Path, grade: str) -> None:
    """What Python would take for a number is refused, and huge ones with it."""
    (folder / "qrels" / "test.tsv").write_text(f"q1\td1\t{grade}\n", "utf-8")

    with pytest.raises(BadLines, match=r"test\.tsv:1: expected a whole grade"):
        beir.read(folder)


def test_a_field_may_be_long_and_a_quote_is_a_character(folder: Path) -> None:
    """A quote that is never closed takes no lines with it, and the message stays short."""
    (folder / "qrels" / "test.tsv").write_text('"q1\td1\t1\n' + "q2\t2\t1\n" * 3 + "x" * 200_000 + "\td1\t1\n", "utf-8")

    with pytest.raises(BadLines) as caught:
        beir.read(folder)
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["1", "5"]
    assert len(str(caught.value)) < 1000


def test_a_split_without_a_relevant_document_is_refused(folder: Path) -> None:
    """Every model would score 0."""
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t0\nq1\t2\t0\n", "utf-8")

    with pytest.raises(DataError, match="no grade above 0"):
        beir.read_split(folder, "test")


def test_a_task_reads_what_a_conversion_reads(folder: Path) -> None:
    """The same folder in GB18030, with TREC columns and whole grades with a point."""
    for name in ("corpus.jsonl", "queries.jsonl"):
        text = (folder / name).read_text("utf-8")
        (folder / name).write_bytes(text.encode("gb18030"))
    (folder / "qrels" / "test.tsv").write_text("q1\t0\td1\t2.0\nq1\t0\t2\t0\n", "utf-8")
    read, split = beir.read(folder), beir.read_split(folder, "test")

    assert read.qrels["test"] == split.judgements.qrels == {"q1": {"d1": 2, "2": 0}}
    assert split.documents == {"d1": "题 文一", "2": "文二"}
    assert split.queries == {"q1": read.queries["q1"]}


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
        "corpus.jsonl:4: expected _id; keys here: text",
        "corpus.jsonl:5: d3: text: expected text, got no such key",
        "queries.jsonl:3: q3: text: expected text, got an array",
        "qrels/test.tsv:4: query q9 is not in queries.jsonl",
        "qrels/test.tsv:5: document d9 is not in corpus.jsonl, where _id is a number, such as 2",
        "qrels/test.tsv:6: expected 3 columns, as in the header; got 2",
        "qrels/test.tsv:7: expected a whole grade of at most six digits in the last column, got 'good'",
        f"qrels/test.tsv:8: {FRACTION}",
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
    with pytest.raises(DataError, match="can't be written to a table"):
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
