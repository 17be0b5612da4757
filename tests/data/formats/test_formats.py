"""Whatever a format can hold survives being written, read and converted."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tcmbench import plugins
from tcmbench.data.convert import Conversion, convert
from tcmbench.data.formats import (
    Collection,
    Document,
    RowFormat,
    TrainingRow,
    collect,
    rows_of,
)
from tcmbench.errors import BadLines, DataAbsent, DataError, UnknownName

if TYPE_CHECKING:
    from pathlib import Path

ROW_FORMATS = ["pos_doc", "pos_neg", "swift", "swift_query_response", "swift_reranker", "weighted"]
COLLECTION_FORMATS = ["beir", "rag_json", "tcm_sd"]

# Each example writes anew what it reads, so one folder a test will do.
ON_DISK = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

# Everything that JSON, tables, line ends and headings could stumble over.
texts = st.text('甲乙a0：。|"\\\t\n {}[],\u2028\u00e9\ufeff𠀀', min_size=1, max_size=12).filter(str.strip)
numbers = st.floats(min_value=0.125, max_value=8, allow_nan=False)


@st.composite
def training_rows(draw: st.DrawFn) -> TrainingRow:
    """A row with every optional part, and one negative at least."""
    positives = tuple(draw(st.lists(texts, min_size=1, max_size=3)))
    negatives = tuple(draw(st.lists(texts, min_size=1, max_size=3)))
    grades = tuple(draw(st.lists(numbers, min_size=len(positives), max_size=len(positives))))
    count = len(positives) + len(negatives)
    weights = tuple(draw(st.lists(numbers, min_size=count, max_size=count)))
    return TrainingRow(
        query=draw(texts),
        positives=positives,
        negatives=negatives,
        query_id=draw(st.sampled_from(["", "a", "b"])),
        grades=() if set(grades) == {1.0} else grades,
        weights=() if set(weights) == {1.0} else weights,
        score=draw(st.none() | st.floats(0, 1)),
        system=draw(st.just("") | texts),
    )


def kept(row: TrainingRow, keeps: frozenset[str]) -> TrainingRow:
    """Return what a format of these parts keeps of a row."""
    return TrainingRow(
        query=row.query,
        positives=row.positives,
        negatives=row.negatives if "negatives" in keeps else (),
        query_id=row.query_id if "query_id" in keeps else "",
        grades=row.grades if "grades" in keeps else (),
        weights=row.weights if "weights" in keeps else (),
        score=row.score if "score" in keeps else None,
        system=row.system if "system" in keeps else "",
    )


def split_up(row: TrainingRow) -> list[TrainingRow]:
    """Return one row per positive."""
    return [
        TrainingRow(row.query, (positive,), row.negatives, score=row.score, system=row.system)
        for positive in row.positives
    ]


@pytest.mark.parametrize("name", ROW_FORMATS)
@given(rows=st.lists(training_rows(), max_size=4))
@ON_DISK
def test_rows_survive_being_written_and_read(tmp_path: Path, name: str, rows: list[TrainingRow]) -> None:
    """Everything that the format says it keeps comes back, in order."""
    module = cast("RowFormat", plugins.load("formats", name))
    # Lines of one query that follow each other are one row to some formats.
    rows = [TrainingRow(**{**_values(row), "query": f"{n}{row.query}"}) for n, row in enumerate(rows)]
    path = tmp_path / "rows.jsonl"
    module.write(rows, path)

    expected = [kept(row, module.KEEPS) for row in rows]
    if name in {"pos_doc", "swift", "swift_query_response", "swift_reranker"}:
        expected = [part for row in expected for part in split_up(row)]
    assert expected == list(module.read(path))


def _values(row: TrainingRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in TrainingRow.__dataclass_fields__}


ids = st.text("abc0129-_", min_size=1, max_size=4)


@st.composite
def collections(draw: st.DrawFn, *, most_grade: int = 3, splits: int = 2) -> Collection:
    """A collection whose queries have a positive each, in splits of their own."""
    titles = st.just("") | texts.map(str.strip).filter(bool)
    corpus = draw(st.dictionaries(ids, st.builds(Document, texts, titles), min_size=1, max_size=5))
    qrels: dict[str, dict[str, dict[str, int]]] = {}
    queries: dict[str, str] = {}
    for number in range(draw(st.integers(1, splits))):
        split = f"test_{number}"
        qrels[split] = {}
        for query_id in draw(st.lists(ids, min_size=1, max_size=3, unique=True)):
            judged = draw(st.dictionaries(st.sampled_from(sorted(corpus)), st.integers(0, most_grade), max_size=4))
            judged[draw(st.sampled_from(sorted(corpus)))] = draw(st.integers(1, most_grade))
            queries[f"{number}{query_id}"] = draw(texts)
            qrels[split][f"{number}{query_id}"] = judged
    return Collection(queries, corpus, qrels)


@given(collection=collections())
@ON_DISK
def test_beir_keeps_everything(tmp_path: Path, collection: Collection) -> None:
    """Ids, titles, grades, negatives and splits come back."""
    from tcmbench.data.formats import beir

    path = tmp_path / "beir"
    shutil.rmtree(path, ignore_errors=True)
    beir.write(collection, path)

    assert collection == beir.read(path)


@given(collection=collections(most_grade=1, splits=1))
@ON_DISK
def test_rag_json_keeps_ids_and_judgements(tmp_path: Path, collection: Collection) -> None:
    """Titles go into the text; the split has no name there."""
    from tcmbench.data.formats import rag_json

    path = tmp_path / "data.json"
    rag_json.write(collection, path)
    read = rag_json.read(path)

    assert collection.queries == read.queries
    assert {key: document.full_text() for key, document in collection.corpus.items()} == {
        key: document.text for key, document in read.corpus.items()
    }
    assert [collection.qrels["test_0"]] == list(read.qrels.values())


@given(rows=st.lists(training_rows(), max_size=4))
@settings(max_examples=25)
def test_rows_survive_being_collected(rows: list[TrainingRow]) -> None:
    """Queries with their sets of positives and negatives come back from a collection, but for outer white space."""
    rows = [TrainingRow(row.query, row.positives, row.negatives, query_id=f"q{n}") for n, row in enumerate(rows)]
    back = list(rows_of(collect(rows)))

    assert [(row.query_id, row.query) for row in rows] == [(row.query_id, row.query) for row in back]
    for row, again in zip(rows, back, strict=True):
        positives, negatives = ({text.strip() for text in texts} for texts in (row.positives, row.negatives))
        assert positives == {text.strip() for text in again.positives}
        assert negatives - positives == {text.strip() for text in again.negatives}


PAIRS = [
    TrainingRow("问一", ("答一",), ("错一", "错二"), query_id="q0"),
    TrainingRow("问二", ("答二",), ("错一", "答一"), query_id="q1"),
]


@pytest.mark.parametrize("source", [*ROW_FORMATS, "beir", "rag_json"])
@pytest.mark.parametrize("target", [*ROW_FORMATS, "beir", "rag_json", "tcm_sd"])
def test_every_format_is_converted_into_every_other(tmp_path: Path, source: str, target: str) -> None:
    """Queries and positives arrive, and negatives wherever they have a place."""
    start, end, back = tmp_path / "start", tmp_path / "end", tmp_path / "back.jsonl"
    module = plugins.load("formats", source)
    module.write(PAIRS if module.HOLDS == "rows" else collect(PAIRS), start)

    conversion = convert(start, end, source_format=source, target_format=target)
    convert(end, back, source_format=target, target_format="pos_neg")

    assert conversion.rows == 2
    rows = list(cast("RowFormat", plugins.load("formats", "pos_neg")).read(back))
    if target == "tcm_sd":
        assert [row.query for row in rows] == ["现病史：问一\n", "现病史：问二\n"]
        assert {part: n for part, n in conversion.lost.items() if part == "negatives"} == {"negatives": 2}
    else:
        assert [(row.query, row.positives, row.negatives) for row in PAIRS] == [
            (row.query, row.positives, row.negatives) for row in rows
        ]


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    """Parts without a place are named with the number of rows that had them."""
    from tcmbench.data.formats import weighted

    rows = [TrainingRow("问", ("答",), weights=(0.5,)), TrainingRow("问二", ("答",), grades=(2.0,), weights=(3.0,))]
    weighted.write(rows, tmp_path / "w.jsonl")
    conversion = convert(tmp_path / "w.jsonl", tmp_path / "p.jsonl", source_format="weighted", target_format="pos_neg")

    assert Conversion(2, {"grades": 1, "weights": 2}) == conversion
    assert str(conversion) == "2 rows; not supported by the format: grades (1), weights (2)"


@pytest.mark.parametrize("target", ["pos_doc", "pos_neg", "weighted", "beir", "rag_json", "tcm_sd"])
def test_a_scored_pair_never_becomes_a_positive(tmp_path: Path, target: str) -> None:
    """A format without scores refuses the first pair that has one, by file and line, and names those with scores."""
    source = tmp_path / "train.jsonl"
    plain = (
        '{"messages": [{"role": "user", "content": "问"}], "positive_messages": [[{"role": "user", "content": "答"}]]'
    )
    source.write_text(f'{plain}}}\n\n{plain}, "label": 0.0}}\n', "utf-8")

    with pytest.raises(DataError) as caught:
        convert(source, tmp_path / "target", source_format="swift", target_format=target)
    assert str(caught.value).startswith(f"{source}:3: ")
    assert f"{target} doesn't support scores" in str(caught.value)
    assert "got score 0." in str(caught.value)
    assert "(swift, swift_query_response, swift_reranker)" in str(caught.value)
    assert [path for path in tmp_path.iterdir() if path != source] == []


def test_scores_survive_where_there_is_a_place(tmp_path: Path) -> None:
    """Positives and negatives of scored pairs come back from the formats that keep scores, 0 as 0."""
    from tcmbench.data.formats import swift

    rows = [TrainingRow("问", ("答",), score=1.0), TrainingRow("问", ("错",), score=0.0)]
    start, middle, end = (tmp_path / name for name in ("start.jsonl", "middle.jsonl", "end.jsonl"))
    swift.write(rows, start)
    conversion = convert(start, middle, source_format="swift", target_format="swift_reranker")
    convert(middle, end, source_format="swift_reranker", target_format="swift")

    assert Conversion(2, {}) == conversion
    assert rows == list(swift.read(end))
    assert start.read_bytes() == end.read_bytes()


def test_splits_are_never_merged(tmp_path: Path) -> None:
    """A training file is not made of train and test; one split is, when it is named."""
    from tcmbench.data.formats import beir

    qrels = {"train": {"a": {"d": 1}}, "test": {"b": {"d": 1}}}
    collection = Collection({"a": "问甲", "b": "问乙"}, {"d": Document("答")}, qrels)
    source, target = tmp_path / "beir", tmp_path / "rows.jsonl"
    beir.write(collection, source)

    for target_format in ("pos_neg", "rag_json"):
        with pytest.raises(DataError, match="test, train"):
            convert(source, target, source_format="beir", target_format=target_format)
    assert not target.exists()
    with pytest.raises(DataError, match="no split 'dev'"):
        convert(source, target, source_format="beir", target_format="pos_neg", split="dev")
    assert convert(source, target, source_format="beir", target_format="pos_neg", split="train").rows == 1
    assert target.read_text("utf-8") == '{"query": "问甲", "pos": ["答"], "neg": []}\n'


def test_files_of_rows_have_no_splits(tmp_path: Path) -> None:
    """Asking for one is a mistake that is named."""
    with pytest.raises(DataError, match="have no splits"):
        convert(tmp_path / "a", tmp_path / "b", source_format="pos_neg", target_format="swift", split="train")


@pytest.mark.parametrize("name", [*ROW_FORMATS, *COLLECTION_FORMATS])
def test_an_absent_source_is_named(tmp_path: Path, name: str) -> None:
    """Nothing is written for it."""
    with pytest.raises(DataAbsent, match="nowhere"):
        convert(tmp_path / "nowhere", tmp_path / "target", source_format=name, target_format="pos_neg")
    assert not (tmp_path / "target").exists()


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """And with the one that was probably meant."""
    with pytest.raises(UnknownName, match=r"Did you mean .*'swift'.*Known: beir, pos_doc"):
        convert(tmp_path, tmp_path, source_format="swfit", target_format="beir")


BAD_ROWS = {
    "pos_doc": [{"query": "问"}, {"pos_doc": "答"}, {"query": " ", "pos_doc": "答"}, {"query": "问", "pos_doc": [3]}],
    "pos_neg": [{"query": "问"}, {"query": "问", "pos": []}, {"query": 3, "pos": ["答"]}, {"query": "问", "pos": [""]}],
    "weighted": [
        {"query": "问", "doc": "答"},
        {"query": "问", "doc": "答", "rel": -1},
        {"query": "问", "doc": "答", "rel": True},
        {"query": "问", "doc": "答", "rel": math.inf},
    ],
    "swift": [
        {"query": "问"},
        {"messages": [{"role": "user", "content": "问"}]},
        {"messages": [{"role": "assistant", "content": "问"}], "positive_messages": [[]]},
        {"messages": [{"role": "user", "content": "问"}], "positive_messages": ["答"]},
    ],
}


@pytest.mark.parametrize("name", sorted(BAD_ROWS))
def test_every_bad_row_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    """All bad lines at once, after good ones have been read."""
    import json

    source, target = tmp_path / "source.jsonl", tmp_path / "target.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in BAD_ROWS[name]] + ["no json"]
    source.write_text("\n".join(lines), "utf-8")

    with pytest.raises(BadLines) as caught:
        convert(source, target, source_format=name, target_format="pos_neg")
    assert [f"{source}:{n}:" for n in range(1, 6)] == [p.split(" ")[0] for p in caught.value.problems]
    assert [path for path in tmp_path.iterdir() if path != source] == []


@pytest.mark.parametrize("name", ["pos_doc", "pos_neg", "swift", "swift_reranker"])
def test_a_row_without_a_positive_is_refused(tmp_path: Path, name: str) -> None:
    """It would teach nothing, or vanish."""
    module = cast("RowFormat", plugins.load("formats", name))
    rows = [TrainingRow("问", ("答",)), TrainingRow("问二", (), query_id="q7")]

    with pytest.raises(DataError, match=r"row 2 \(query q7\) has no positive"):
        module.write(rows, tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_rows_are_streamed(tmp_path: Path) -> None:
    """A row is read before the next line is looked at, so files may be larger than memory."""
    module = cast("RowFormat", plugins.load("formats", "pos_neg"))
    path = tmp_path / "rows.jsonl"
    path.write_text('{"query": "问", "pos": "答"}\nno json\n', "utf-8")

    assert TrainingRow("问", ("答",)) == next(iter(module.read(path)))


def test_two_texts_of_one_query_id_are_refused() -> None:
    """One of them would be lost."""
    with pytest.raises(DataError, match="query id a"):
        collect([TrainingRow("问", ("答",), query_id="a"), TrainingRow("问二", ("答",), query_id="a")])


@pytest.mark.parametrize("name", ["beir", "tcm_sd"])
def test_a_folder_with_files_is_not_written_to(tmp_path: Path, name: str) -> None:
    """The splits of older data would be read as part of the new."""
    (tmp_path / "dev.jsonl").write_text("", "utf-8")

    with pytest.raises(DataError, match="new or empty folder"):
        plugins.load("formats", name).write(collect(PAIRS), tmp_path)
