"""Tables of pairs: what is read, and what is refused because it would give a score that looks normal and is wrong."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tcmbench.data.formats import gather
from tcmbench.data.tables import scored_rows, training_rows
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.data.formats import Collection

PAIRS = "query,positive\n气虚,黄芪\n血虚,当归\n"
EXPECTED = {"气虚": ["黄芪"], "血虚": ["当归"]}


def read(folder: Path, name: str, content: bytes | str) -> Collection:
    """Return the table that a file holds."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return gather(training_rows(path)).collection


def answers(collection: Collection) -> dict[str, list[str]]:
    """Return query → its documents above grade 0."""
    return {
        collection.queries[query]: [collection.corpus[d].text for d, grade in judged.items() if grade > 0]
        for query, judged in collection.qrels["train"].items()
    }


def test_texts_that_differ_in_outer_white_space_are_one(tmp_path: Path) -> None:
    """A padded cell is no other document, nor another query: models don't read the padding."""
    collection = read(tmp_path, "padded.csv", "query,positive\n气虚,黄芪\n气虚 ,黄芪　\n血虚, 黄芪\n")
    assert [document.text for document in collection.corpus.values()] == ["黄芪"]
    assert answers(collection) == {"气虚": ["黄芪"], "血虚": ["黄芪"]}


def test_negatives_may_have_a_column_each(tmp_path: Path) -> None:
    """As sentence-transformers mines them; an empty cell is none."""
    text = "query,positive,negative_1,negative_2\n气虚,黄芪,当归,\n血虚,当归,黄芪,人参\n"
    (tmp_path / "mined.csv").write_text(text, encoding="utf-8")
    assert [row.negatives for row in training_rows(tmp_path / "mined.csv")] == [("当归",), ("黄芪", "人参")]


def test_a_stray_quote_does_not_swallow_rows(tmp_path: Path) -> None:
    """Unquoted tables may begin a cell with a quotation mark, and a later one would end it."""
    rows = ["query\tpositive", '头痛\t"引号开头', "咳嗽\t润肺", '失眠\t结尾引号"', "腹泻\t健脾"]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pairs\.tsv:2: expected a row, got a cell of several lines with tabs"):
        list(training_rows(tmp_path / "pairs.tsv"))
    (tmp_path / "lines.tsv").write_text('query\tpositive\n头痛\t"两\n行"\n', encoding="utf-8")
    assert [row.positives for row in training_rows(tmp_path / "lines.tsv")] == [("两\n行",)]


def parquet(**columns: object) -> bytes:
    """Return a Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


WHOLE = parquet(query=["气虚", "血虚"], positive=["黄芪", "当归"])


def _zstd(text: str) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(text.encode(), asbytes=True)
    return packed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", PAIRS),
        ("byte-order-mark.csv", "\ufeff" + PAIRS),
        ("crlf.csv", PAIRS.replace("\n", "\r\n")),
        ("cr.csv", PAIRS.replace("\n", "\r")),
        ("gb18030.csv", PAIRS.encode("gb18030")),
        ("tabs.tsv", PAIRS.replace(",", "\t")),
        ("quoted.csv", PAIRS.replace("黄芪", '"黄芪"')),
        ("CAPITALS.CSV", PAIRS),
        ("packed.csv.gz", gzip.compress(PAIRS.encode())),
        ("members.csv.gz", gzip.compress(PAIRS[:18].encode()) + gzip.compress(PAIRS[18:].encode())),
        ("packed.csv.zst", _zstd(PAIRS)),
        ("frames.csv.zst", _zstd(PAIRS[:18]) + _zstd(PAIRS[18:])),
        ("whole.parquet", WHOLE),
        ("packed.parquet.gz", gzip.compress(WHOLE)),
        ("lists.parquet", parquet(query=["气虚", "血虚"], positive=[["黄芪"], ["当归"]])),
        ("no-negative.csv", "query,positive,negative\n气虚,黄芪,\n血虚,当归,nan\n"),
        ("equal-twice.csv", PAIRS + "血虚,当归\n"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[:24] and "\n" not in value else "",
)
def test_the_same_pairs_are_read_from_every_form(tmp_path: Path, name: str, content: bytes | str) -> None:
    """Encoding, line ends, compression and format don't change what is measured."""
    assert answers(read(tmp_path, name, content)) == EXPECTED


def test_a_long_field_is_read_whole(tmp_path: Path) -> None:
    """Python's own limit is 131,072 characters."""
    (document,) = read(tmp_path, "long.csv", f"query,positive\n气虚,{'字' * 140_000}\n").corpus.values()
    assert len(document.text) == 140_000


def test_grade_zero_is_a_judged_negative(tmp_path: Path) -> None:
    """It is in the corpus, and no answer."""
    collection = read(tmp_path, "graded.csv", "query,document,label\n气虚,当归,0\n气虚,黄芪,2\n")
    assert collection.qrels == {"train": {"q0": {"d0": 0, "d1": 2}}}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("quotes.csv", 'query,positive\na,"b\nc,d\n', "quotes.csv:2: expected CSV"),
        ("nul.csv", "query,positive\na\0,气虚\n", "binary file"),
        ("16-bit.csv", PAIRS.encode("utf-16"), "UTF-16"),
        ("damaged.csv", PAIRS.encode().replace("黄".encode(), b"\xe9\xff"), "damaged.csv:2: damaged characters"),
        ("field.csv", f"query,positive\na,{'b' * ((1 << 24) + 1)}\n", "field.csv:2: expected CSV"),
        ("twice.csv", "query,query,positive\na,b,c\n", "twice.csv:1: expected a head"),
        ("no-head.csv", "\na,b\n", "no-head.csv:2: expected 0 fields, got 2"),
        ("short.csv", "query,positive\na\n", "short.csv:2: expected 2 fields, got 1"),
        ("blank.csv", "query,positive\n ,b\n", "blank.csv:2: query: expected text, got blank text"),
        ("nothing.csv", "query,positive\na,nan\n", "nothing.csv:2: positive: expected text, got none"),
        ("list.csv", 'query,positive\na,"[""b"", ""c""]"\n', "list.csv:2: positive: expected a document, got a list"),
        ("python.csv", "query,positive\na,\"['b', 'c']\"\n", "a list written as text"),
        ("array.csv", "query,positive,neg\na,b,\"['c' 'd']\"\n", "array.csv:2: neg: expected a document"),
        ("other.csv", "q,a\nb,c\n", "keys here: a, q. Rename the column, or name it in `columns` in the TOML"),
        ("other.csv", "query,a\nb,c\n", "文档; keys here: a, query. Rename the column"),
        ("columns.csv", "query,pos,answer\na,b,c\n", "expected one column for positive, got pos and answer"),
        ("grades.csv", "query,pos,label,score\na,b,1,0\n", "expected one column for grade, got label and score"),
        ("both.csv", "query,positive,negative\na,b,b\n", "both.csv:2: expected one grade"),
        ("grades.csv", "query,doc,label\na,b,0\na,b,1\n", "grades.csv:3: expected one grade"),
        ("scale.csv", "sentence1,sentence2,score\na,b,1\nc,d,5\n", "scale.csv:3: score: expected 0 or 1 beside"),
        ("similar.csv", "query,doc,score\na,b,0.2\n", "expected a whole number, such as 0 or 1, got a fraction"),
        ("number.csv", "query,doc,score\na,b,1_0\n", "number.csv:2: score: expected a number, got text"),
        ("digits.csv", f"query,doc,score\na,b,{'9' * 5_000}\n", "score: expected a number"),
        ("id.jsonl", '{"query": "a", "positive": "b", "qid": [1]}', "id.jsonl:1: qid: expected text or a whole"),
        ("rows.jsonl", '{"query": 1, "positive": "b"}\n[1]\n{"query": "a", "positive": {"t": 1}}', "3 bad lines"),
        ("cut.json", '[{"query": "a", "positive": "b"}, {"query":', "cut.json:1: not JSON"),
        ("cut.parquet", WHOLE[:-10], "expected Parquet"),
        ("empty.parquet", b"", "expected Parquet"),
        ("nested.parquet", parquet(query=[{"t": "a"}], positive=["b"]), "nested.parquet:1: query: expected text"),
        ("null.parquet", parquet(query=["a", None], positive=["b", "c"]), "null.parquet:2: query: expected text"),
        ("nan.parquet", parquet(query=["a"], doc=["b"], rel=[float("nan")]), "nan.parquet:1: rel: expected a number"),
        ("plain.csv.gz", PAIRS, "can't be unpacked"),
        ("empty.csv.gz", b"", "can't be unpacked"),
        ("cut.csv.gz", gzip.compress(PAIRS.encode())[:-9], "can't be unpacked"),
        ("garbage.csv.gz", gzip.compress(PAIRS.encode()) + b"garbage", "can't be unpacked"),
        ("cut.csv.zst", _zstd(PAIRS)[:-4], "can't be unpacked"),
        ("named.csv", gzip.compress(PAIRS.encode()), "a gzip file: unpack it"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[:24] and "\n" not in value else "",
)
def test_what_would_be_measured_wrongly_is_refused(tmp_path: Path, name: str, content: bytes | str, said: str) -> None:
    """With the file, and the line where a line is at fault."""
    with pytest.raises(DataError) as refused:
        read(tmp_path, name, content)
    assert str(tmp_path / name) in str(refused.value)
    assert said in str(refused.value)


def test_a_parquet_file_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    """Of two columns of one name, pyarrow's rows hold the last."""
    path = tmp_path / "twice.parquet"
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"])]
    pq.write_table(pa.Table.from_arrays(columns, names=["query", "positive", "positive"]), path)
    with pytest.raises(DataError, match="expected each column once, got query, positive, positive"):
        list(training_rows(path))


def test_a_column_that_is_named_decides(tmp_path: Path) -> None:
    """Where two have known names, and where pairs of sentences have grades."""
    path = tmp_path / "named.csv"
    path.write_text("sentence1,pos,answer,score\na,b,c,2\n", encoding="utf-8")
    (row,) = training_rows(path, {"query": "sentence1", "positive": "answer"})
    assert (row.query, row.positives, row.grades) == ("a", ("c",), (2.0,))


def test_all_bad_rows_are_named_at_once(tmp_path: Path) -> None:
    """Those that contradict an earlier one too."""
    with pytest.raises(BadLines) as refused:
        read(tmp_path, "many.csv", "query,doc,label\na,b,0\na,b,1\na,b,2\n")
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("column", ["negative", "negative_1"])
def test_a_score_is_of_one_document(tmp_path: Path, column: str) -> None:
    """What stands beside it would be lost in silence."""
    path = tmp_path / "scored.csv"
    path.write_text(f"query,positive,{column},score\n问,答,错,0.5\n", encoding="utf-8")
    with pytest.raises(BadLines, match=f"{column}: expected one document beside a score, got a negative, too"):
        list(scored_rows(path))
