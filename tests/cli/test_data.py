"""`tcmbench data` from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tcmbench.cli.data import app
from tcmbench.data.rows import ADVICE
from tcmbench.errors import BadLines, DataAbsent, DataError, StoreError
from tcmbench.miners import bm25
from tests.task_types.folders import workspace_of, write_table

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A TCM-SD folder of one record."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "syndrome_knowledge.json").write_text('[{"Name": "甲虚证", "Definition": "不足。"}]', "utf-8")
    (root / "test.json").write_text('[{"user_id": 1, "syndrome": "甲虚证", "chief_complaint": "倦怠"}]', "utf-8")
    return root


def test_validate_prints_the_report(folder: Path) -> None:
    """For people by default."""
    result = runner.invoke(app, ["validate", str(folder)])

    assert result.exit_code == 0
    assert "This is not the official TCM-SD" in result.output


def test_validate_prints_json(folder: Path) -> None:
    """And nothing but JSON for programs."""
    result = runner.invoke(app, ["validate", str(folder), "--json"])

    assert json.loads(result.output)["is_usable"] is True


def test_validate_fails_on_bad_lines(folder: Path) -> None:
    """The error, which the command line exits with 2 for, names them all."""
    (folder / "test.json").write_text("3\n4\n", "utf-8")
    result = runner.invoke(app, ["validate", str(folder)])

    assert isinstance(result.exception, BadLines)
    assert (result.exception.exit_code, len(result.exception.problems)) == (2, 2)


def test_validate_fails_after_the_report_when_labels_are_not_covered(folder: Path) -> None:
    """What is wrong is shown first."""
    (folder / "test.json").write_text('{"syndrome": "乙实证", "chief_complaint": "胀满"}', "utf-8")
    result = runner.invoke(app, ["validate", str(folder)])

    assert "Not in the knowledge base, 1: 乙实证 (1 records)" in result.output
    assert isinstance(result.exception, DataError)


ROWS: dict[str, list[dict[str, object]]] = {
    "pairs.csv": [{"question": f"咳嗽{n}", "answer": f"痰湿{n}"} for n in range(4)],
    "sts.jsonl.gz": [{"sentence1": f"咳{n}", "sentence2": f"嗽{n}", "score": n} for n in range(4)],
    "texts.parquet": [{"text": f"咳嗽{n}", "label": f"类{n % 2}"} for n in range(4)],
    "probe/train.tsv": [{"text": f"咳嗽{n}", "label": n % 2} for n in range(4)],
    "probe/test.tsv": [{"text": f"痰{n}", "label": n % 2} for n in range(4)],
    "beir/corpus.csv": [{"id": 1, "text": "痰湿\x1b[31m阻肺"}, {"id": 2, "text": "气虚"}],
    "beir/queries.json": [{"id": 7, "text": "咳嗽" * 100}],
    "beir/qrels/test.csv": [{"qid": 7, "docid": 1, "rel": 1}, {"qid": 7, "docid": 2, "rel": 0}],
}


@pytest.mark.parametrize(
    ("path", "kind", "shown"),
    [
        ("pairs.csv", "pairs_retrieval", "split test: 4 queries, 4 documents, 4 judgements\n  1  query     咳嗽0\n"),
        ("sts.jsonl.gz", "sts", "split test: 4 rows\n  1  sentence1  咳0\n     sentence2  嗽0\n     score      0.0\n"),
        ("texts.parquet", "clustering", "split test: 4 rows\n  1  text   咳嗽0\n     label  类0\n"),
        ("probe", "classification", "split train: 4 rows\n  1  text   咳嗽0\n     label  0\n"),
        ("beir", "retrieval", f"{'咳嗽' * 50}…\n     positive  痰湿\\u001b[31m阻肺\n     negative  气虚\n"),
    ],
)
def test_validate_shows_any_task_as_it_is_measured(tmp_path: Path, path: str, kind: str, shown: str) -> None:
    """The layout is recognised; the first three rows are shown, shortened and escaped."""
    for name, rows in ROWS.items():
        write_table(tmp_path / name, rows)
    result = runner.invoke(app, ["validate", str(tmp_path / path)])

    assert result.exit_code == 0, result.output
    assert f"{tmp_path / path}: {kind}, from " in result.output
    assert shown in result.output
    assert "\n  4 " not in result.output


def test_validate_names_the_first_three_bad_rows_and_counts_the_others(tmp_path: Path) -> None:
    """With what to do."""
    write_table(tmp_path / "pairs.csv", [{"query": "咳嗽", "positive": ""} for _ in range(1_005)])
    result = runner.invoke(app, ["validate", str(tmp_path / "pairs.csv")])

    assert isinstance(result.exception, BadLines)
    said = str(result.exception).split("\n")
    assert said[0] == "1,005 bad lines:"
    assert [line.split(":")[1] for line in said[1:4]] == ["2", "3", "4"]
    assert said[4:] == ["and 1,002 more", ADVICE]


def test_validate_takes_the_name_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its options, and as JSON without texts."""
    write_table(tmp_path / "data/own.csv", [{"title": f"咳嗽{n}", "body": f"痰湿{n}"} for n in range(4)])
    columns = '[options.columns]\nquery = "title"\npositive = "body"\n'
    workspace_of(tmp_path, {"Own": f'type = "pairs_retrieval"\npath = "own.csv"\n{columns}'})
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["validate", "Own", "--json"])

    assert json.loads(result.output)["splits"] == {"test": {"queries": 4, "documents": 4, "judgements": 4}}
    assert "咳嗽" not in result.output
    refused = runner.invoke(app, ["validate", "Own", "--type", "sts"])
    assert str(refused.exception) == "--type: task Own has its type, pairs_retrieval. Leave it out."


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_validate_names_the_split_that_a_task_lacks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """A knowledge base alone can be looked at, but the task can't be measured."""
    shutil.copytree(folder, tmp_path / "data/own")
    workspace_of(tmp_path, {"Own": 'type = "syndrome_retrieval"\npath = "own"\nsplits = ["test_new"]\n'})
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["validate", "Own", *arguments])

    assert isinstance(result.exception, DataAbsent)
    assert "own/test_new.jsonl" in str(result.exception)


def test_convert_says_what_was_written_and_lost(folder: Path, tmp_path: Path) -> None:
    """A file in the new format, and a line about it."""
    target = tmp_path / "train.jsonl"
    result = runner.invoke(app, ["convert", str(folder), str(target), "--from", "tcm_sd", "--to", "swift"])

    assert result.exit_code == 0
    assert "1 rows; not supported by the format: query_id (1)" in result.output
    assert "主诉：倦怠\\n" in target.read_text("utf-8")


def test_synth_writes_what_validate_finds_usable(tmp_path: Path) -> None:
    """Invented data has the shape of real data."""
    made = runner.invoke(app, ["synth", str(tmp_path / "synth"), "--records", "60", "--seed", "3"])
    found = runner.invoke(app, ["validate", str(tmp_path / "synth"), "--json"])

    assert made.exit_code == 0
    assert sum(split["records"] for split in json.loads(found.output)["splits"]) == 60


@pytest.mark.parametrize("arguments", [[], ["--general"]])
def test_synth_replaces_nothing_but_its_own_files(tmp_path: Path, arguments: list[str]) -> None:
    """A second run is fine, somebody's file in the way is not, and stays as it was."""
    root = tmp_path / "synth"
    runs = [runner.invoke(app, ["synth", str(root), "--records", "30", "--seed", n, *arguments]) for n in "12"]
    mine = next(root.rglob("train.jsonl"))
    mine.write_text("mine", "utf-8")
    refused = runner.invoke(app, ["synth", str(root), "--records", "30", *arguments])

    assert [run.exit_code for run in runs] == [0, 0]
    assert isinstance(refused.exception, DataError)
    assert mine.read_text("utf-8") == "mine"


@pytest.mark.parametrize("name", ["folder", "file/below.jsonl"])
def test_convert_refuses_a_target_that_no_file_can_be(folder: Path, tmp_path: Path, name: str) -> None:
    """A mistake with exit code 2, not a traceback."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("here", "utf-8")
    result = runner.invoke(app, ["convert", str(folder), str(tmp_path / name), "--from", "tcm_sd", "--to", "swift"])

    assert isinstance(result.exception, StoreError)
    assert (result.exception.exit_code, str(tmp_path / name) in str(result.exception)) == (2, True)


def test_build_takes_nothing_for_new_that_an_older_miner_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the miner turned round, and its revision raised, the same command builds anew; turned back, it doesn't."""
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def built() -> Path:
        result = runner.invoke(app, ["build", "demo-lora"])
        assert result.exception is None, result.exception
        return Path(result.stdout.splitlines()[-1])

    first = built()
    with monkeypatch.context() as turned:
        scores = bm25._TermIndex.scores
        turned.setattr(bm25._TermIndex, "scores", lambda index, texts: -scores(index, texts))
        turned.setattr(bm25, "REVISION", "turned round")
        second = built()
    stamp = first.stat().st_mtime_ns
    assert second != first
    assert second.read_bytes() != first.read_bytes()
    assert (built(), first.stat().st_mtime_ns) == (first, stamp)
