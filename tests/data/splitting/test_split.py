"""Splits keep queries and groups whole, stay as they are when rows are added, and are read as data again."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tcmbench.cli.data import app
from tcmbench.data import tables, tcm_sd, validate
from tcmbench.data.formats import beir, rag_json, swift
from tcmbench.data.splitting.assignment import assign, item, require_apart
from tcmbench.data.splitting.sources import SplitColumns
from tcmbench.data.splitting.split import shares_of, split
from tcmbench.errors import BadLines, DataAbsent, DataError, SpecError
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.splitting.split import DataSplit

    MakeFolder = Callable[..., Path]
    MakeRecord = Callable[..., dict[str, object]]

NAMES = ("train", "dev", "test")
THIRDS = {"train": 60.0, "dev": 20.0, "test": 20.0}


def done(source: Path, target: Path, *, by: str = "query", seed: int = 0, **named: str) -> DataSplit:
    """Split as 60/20/20."""
    columns = SplitColumns(by=by, **named)  # type: ignore[arg-type]
    return split(source, target, shares=THIRDS, named=columns, seed=seed)


def lines(path: Path) -> list[dict[str, object]]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def where(target: Path, column: str) -> dict[object, set[str]]:
    """Return value of a column → the splits that it is in."""
    places: dict[object, set[str]] = {}
    for name in NAMES:
        for row in lines(target / f"{name}.jsonl"):
            places.setdefault(row[column], set()).add(name)
    return places


def weighted_rows(queries: int) -> list[dict[str, object]]:
    """Return three judged pairs per query, with a column that no format defines."""
    return [
        {"key": f"{n}-{d}", "query": f"问{n}", "doc": f"答{n}-{d}", "rel": d / 2, "weight": 1.0, "user_id": n // 4}
        for n in range(queries)
        for d in range(3)
    ]


def test_rows_of_one_query_stay_together_and_keep_every_column(tmp_path: Path) -> None:
    """Nothing is lost, and the shares are about those asked for."""
    rows = weighted_rows(500)
    source = write_table(tmp_path / "rows.jsonl", rows)
    report = done(source, tmp_path / "out")

    written = [row for name in NAMES for row in lines(tmp_path / "out" / f"{name}.jsonl")]
    assert sorted(map(repr, written)) == sorted(map(repr, rows))
    assert {len(places) for places in where(tmp_path / "out", "query").values()} == {1}
    assert [size.queries * 3 for size in report.sizes] == [size.rows for size in report.sizes]
    assert [round(size.share, 1) for size in report.sizes] == [0.6, 0.2, 0.2]


def test_rows_that_are_added_move_no_others(tmp_path: Path) -> None:
    """In any order and number, and in another format; another seed does move them."""
    few = write_table(tmp_path / "few.csv", weighted_rows(60))
    many = write_table(tmp_path / "many.jsonl", weighted_rows(300)[::-1])
    for source, target, seed in ((few, "few", 0), (many, "many", 0), (few, "other", 1)):
        done(source, tmp_path / target, seed=seed)
    before, after, other = (where(tmp_path / name, "query") for name in ("few", "many", "other"))

    assert before.items() <= after.items()
    assert before != other


def test_groups_stay_together_also_where_they_share_a_text(tmp_path: Path) -> None:
    """Patients by default; two who say the same in other punctuation are in one split."""
    rows = [{"query": f"问{n}", "positive": "答", "user_id": n // 3} for n in range(300)]
    rows += [
        {"query": "同一句", "positive": "答", "user_id": 5},
        {"query": "同一句。", "positive": "答", "user_id": 90},
    ]
    source = write_table(tmp_path / "rows.parquet", rows)
    report = done(source, tmp_path / "out", by="group")
    patients = where(tmp_path / "out", "user_id")

    assert {len(places) for places in patients.values()} == {1}
    assert patients[5] == patients[90]
    assert sum(size.groups for size in report.sizes) == 100
    assert report.shared == 0


def test_a_named_column_is_the_group_and_its_lack_an_error(tmp_path: Path) -> None:
    """By line, and nothing is written."""
    rows = [{"ask": f"问{n}", "positive": "答", "clinic": f"院{n % 30}"} for n in range(90)]
    done(write_table(tmp_path / "a.jsonl", rows), tmp_path / "out", by="group", group="clinic", query="ask")
    assert {len(places) for places in where(tmp_path / "out", "clinic").values()} == {1}

    broken = write_table(tmp_path / "b.jsonl", [*rows, {"ask": "问", "positive": "答"}])
    with pytest.raises(BadLines, match=r"b\.jsonl:91: expected a group in clinic; keys here: ask, positive"):
        done(broken, tmp_path / "no", by="group", group="clinic", query="ask")
    assert not (tmp_path / "no").exists()


def test_a_tcm_sd_folder_is_split_by_patient(tmp_path: Path, make_folder: MakeFolder, make_record: MakeRecord) -> None:
    """All splits that are named together; knowledge base, vocabulary and keys stay; `data validate` finds no copy."""
    records = [make_record(n, user_id=f"p{n // 2}", example_id=str(n), note="留") for n in range(80)]
    files = {"syndrome_vocab.txt": "甲虚证\n乙实证\n"}
    root = make_folder({"train": records[:50], "test": records[50:], "dev": [make_record(99)]}, files=files)
    with pytest.raises(DataError, match="expected one split, got train, dev, test"):
        done(root, tmp_path / "out")
    columns = SplitColumns(by="group")
    report = split(root, tmp_path / "out", shares=THIRDS, named=columns, seed=0, splits=("train", "test"))

    folder = tcm_sd.read_folder(tmp_path / "out")
    assert sorted(record.record_id for each in folder.splits.values() for record in each) == sorted(map(str, range(80)))
    assert folder.vocabulary == ("甲虚证", "乙实证")
    assert all(row["note"] == "留" for row in lines(tmp_path / "out/test.jsonl"))
    checked = validate.validate(tmp_path / "out")
    assert checked.shared_patients == ()
    assert sum(overlap.exact for overlap in checked.overlaps if overlap.left != overlap.right) == 0
    assert [size.rows for size in report.sizes] == [len(folder.splits[name]) for name in NAMES]


def test_patients_in_several_splits_are_counted_by_query(
    tmp_path: Path, make_folder: MakeFolder, make_record: MakeRecord
) -> None:
    """With what keeps them apart."""
    root = make_folder({"train": [make_record(n, user_id=f"p{n % 3}") for n in range(60)]})
    report = done(root, tmp_path / "out")

    assert report.lines()[-1] == "3 patients are in several splits; --by group keeps each in one."


def test_judgements_of_a_beir_folder_are_divided(tmp_path: Path) -> None:
    """Queries and corpus are read as before, the grades of all splits together are those of before."""
    corpus = [{"_id": f"d{n}", "title": f"题{n}", "text": f"文{n}"} for n in range(50)]
    queries = [{"_id": f"q{n}", "text": f"问{n // 2}", "clinic": f"院{n // 10}"} for n in range(200)]
    write_table(tmp_path / "beir/corpus.jsonl", corpus)
    write_table(tmp_path / "beir/queries.csv", queries)
    judged = [{"query-id": f"q{n}", "corpus-id": f"d{(n + d) % 50}", "score": d} for n in range(200) for d in range(3)]
    write_table(tmp_path / "beir/qrels/test.tsv", judged)
    before = beir.read(tmp_path / "beir")
    for by in ("query", "group"):
        report = done(tmp_path / "beir", tmp_path / by, by=by, group="clinic" if by == "group" else "")
        after = beir.read(tmp_path / by)

        assert (after.corpus, after.queries) == (before.corpus, before.queries)
        assert {q: g for name in NAMES for q, g in after.qrels[name].items()} == before.qrels["test"]
        texts = {name: {after.queries[query_id] for query_id in after.qrels[name]} for name in NAMES}
        assert not any(texts[a] & texts[b] for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")))
        assert sum(size.queries for size in report.sizes) == 100


def test_rag_json_becomes_a_beir_folder(tmp_path: Path) -> None:
    """As the format itself has no splits."""
    value = {
        "queries": {f"q{n}": f"问{n}" for n in range(40)},
        "corpus": {"d": "答", "e": "错"},
        "relevant_docs": {f"q{n}": ["d"] for n in range(40)},
        "negative_docs": {"q1": ["e"]},
    }
    (tmp_path / "rag.json").write_text(json.dumps(value, ensure_ascii=False, indent=2), "utf-8")
    done(tmp_path / "rag.json", tmp_path / "out")
    after = beir.read(tmp_path / "out")

    expected = rag_json.read(tmp_path / "rag.json").qrels["train"]
    assert {q: g for name in NAMES for q, g in after.qrels[name].items()} == expected


def test_rows_of_ms_swift_are_split_by_the_message_of_the_user(tmp_path: Path) -> None:
    """With or without a system message."""
    user = [[{"role": "user", "content": f"问{n // 2}"}] for n in range(80)]
    system = [{"role": "system", "content": "检索"}]
    rows: list[Mapping[str, object]] = [
        {"messages": [*(system if n % 2 else []), *user[n]], "positive_messages": [[{"role": "user", "content": "答"}]]}
        for n in range(80)
    ]
    done(write_table(tmp_path / "rows.jsonl", rows), tmp_path / "out")
    splits = [[row.query for row in swift.read(tmp_path / "out" / f"{name}.jsonl")] for name in NAMES]

    assert {count for queries in splits for count in Counter(queries).values()} == {2}
    assert len({query for queries in splits for query in queries}) == 40


def test_what_a_split_wrote_is_training_data(tmp_path: Path) -> None:
    """And a task, from CSV and with missing cells."""
    rows = [{"question": f"问{n}", "answer": "答", "negative": "错" if n % 2 else ""} for n in range(60)]
    done(write_table(tmp_path / "rows.csv", rows), tmp_path / "out")

    read = [row for name in NAMES for row in tables.training_rows(tmp_path / "out" / f"{name}.jsonl")]
    assert sorted((row.query, row.negatives) for row in read) == sorted(
        (f"问{n}", ("错",) if n % 2 else ()) for n in range(60)
    )


def test_too_few_queries_are_refused(tmp_path: Path) -> None:
    """Nothing is written; with 0 for a split there is none."""
    source = write_table(tmp_path / "rows.jsonl", [{"query": "问", "positive": "答"}] * 9)
    with pytest.raises(DataError, match="would be empty: 1 queries are too few"):
        done(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]

    many = write_table(tmp_path / "many.jsonl", [{"query": f"问{n}", "positive": "答"} for n in range(50)])
    split(many, tmp_path / "out", shares=shares_of("8/0/2"), named=SplitColumns(by="query"), seed=0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.jsonl", "train.jsonl"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder with a file in it stays as it is."""
    source = write_table(tmp_path / "rows.jsonl", weighted_rows(60))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine", "utf-8")
    with pytest.raises(DataError, match="expected a new or empty folder"):
        done(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "问"}], r"expected messages or query or .*; keys here: text\. Name the column with --query-column"),
        ([{"query": "问", "qid": 1}, {"query": "又问", "qid": 1}], "rows.jsonl:2: qid: expected one text for a query"),
        ([{"query": ""}], "query: expected text, got blank text"),
    ],
)
def test_rows_that_cannot_be_split_are_named(
    tmp_path: Path, rows: Sequence[Mapping[str, object]], message: str
) -> None:
    """By file and line."""
    with pytest.raises(BadLines, match=message):
        done(write_table(tmp_path / "rows.jsonl", rows), tmp_path / "out")


@pytest.mark.parametrize("text", ["60/40", "0/50/50", "60/-20/60", "100/0/0", "60/x/20", "inf/1/1", "nan/1/1"])
def test_shares_are_three_numbers(text: str) -> None:
    """Train and one other at least."""
    with pytest.raises(SpecError, match="expected three numbers for train, dev and test"):
        shares_of(text)


def test_a_text_or_group_in_two_splits_is_noticed() -> None:
    """The check doesn't rely on how the splits were drawn."""
    items = [item("问", "a"), item("问。", "b"), item("又", "a")]
    with pytest.raises(DataError, match="Row 2"):
        require_apart(items, ["train", "test", "train"], by="query")
    with pytest.raises(DataError, match="Row 3"):
        require_apart(items, ["train", "train", "test"], by="group")
    assert len(set(assign(items, THIRDS, by="group", seed=3))) == 1


def test_the_command_reports_each_split(tmp_path: Path) -> None:
    """And refuses options without effect."""
    source = str(write_table(tmp_path / "rows.jsonl", weighted_rows(100)))
    result = CliRunner().invoke(app, ["split", source, str(tmp_path / "out"), "--shares", "60/20/20", "--seed", "3"])

    assert result.exit_code == 0, result.output
    counts = [len(lines(tmp_path / "out" / f"{name}.jsonl")) for name in NAMES]
    said = result.output.splitlines()
    assert [line.split()[:2] for line in said[1:]] == [
        [name, str(count)] for name, count in zip(NAMES, counts, strict=True)
    ]
    assert said[1].endswith(f"{counts[0] / 3:.1f}% of the queries (60.0% asked for)")
    refused = CliRunner().invoke(app, ["split", source, str(tmp_path / "no"), "--group-column", "user_id"])
    assert isinstance(refused.exception, SpecError)
    absent = CliRunner().invoke(app, ["split", str(tmp_path / "none"), str(tmp_path / "no")])
    assert isinstance(absent.exception, DataAbsent)
