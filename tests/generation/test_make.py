"""`tcmbench data queries` from a folder to a file that a variant trains on, against a server on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.cli import main
from tcmbench.data.recognise import TABLE
from tcmbench.data.training_source import Reading
from tcmbench.generation.marks import generators_of
from tests.generation.toy import SIGNS, asks, sign_of, write_folder
from tests.model_server import Model, server
from tests.task_types.folders import write_lines

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server"]

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    server: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    clean_environment: None,
) -> Run:  # fmt: skip
    """Runs `tcmbench data queries` on the toy folder; returns exit code and both streams."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))
    write_folder(tmp_path / "toy")
    server.chat = asks

    def call(*words: str, source: str = "toy", url: str = "") -> tuple[int, str]:
        given = ["data", "queries", source, "--url", url or server.url, "--model", "writer", *words]
        with pytest.raises(SystemExit) as stop:
            main(given)
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out + said.err

    return call


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def counts(folder: Path) -> dict[str, int]:
    """Return the counts of the report."""
    report: dict[str, dict[str, int]] = json.loads((folder / "queries.report.json").read_text(encoding="utf-8"))
    return report["counts"]


ONE = ("--types", "symptoms", "--voices", "patient")


def test_entries_become_pairs_that_a_variant_can_train_on(run: Run, server: Model, tmp_path: Path) -> None:
    """One row per query, marked, with a report; the knowledge base is the corpus."""
    code, said = run(*ONE, "--per-document", "3", "--top-k", "2")
    assert code == 0, said
    written = rows(tmp_path / "queries.jsonl")
    assert len(server.seen) == len(SIGNS)
    assert {row["document_id"] for row in written} == set(SIGNS)
    first = written[0]
    assert first == {
        "query": "总是倦怠乏力怎么回事",
        "positive": "名称：甲虚证。\n定义：第0种\n典型表现：倦怠乏力，气短懒言，自汗",
        "type": "symptoms", "voice": "patient", "synthetic": True, "generator": "writer", "document_id": "甲虚证",
    }  # fmt: skip
    report = json.loads((tmp_path / "queries.report.json").read_text(encoding="utf-8"))
    assert report["synthetic"] is True
    assert report["counts"]["kept"] == report["rows"] == len(written) > 10
    assert report["costs"]["generator"]["requests"] == 6
    assert report["costs"]["generator"]["tokens_in"] == sum(len(each["messages"][0]["content"]) for each in server.seen)
    assert generators_of(tmp_path / "queries.jsonl") == ("writer",)
    training = Reading(tmp_path / "queries.jsonl", TABLE).read()
    assert len(training.knowledge) == len(SIGNS)
    assert {label for record in training.splits["train"] for label in record.labels} == {
        entry.doc_id for entry in training.knowledge
    }


def test_the_prompt_names_what_is_wanted_and_forbidden(run: Run, server: Model) -> None:
    """The syndrome's name and those that the label map merges; type, voice and number."""
    run("--types", "cause", "--voices", "doctor", "--per-document", "2", "--limit", "6")
    (prompt,) = (text for each in server.seen if "甲虚证" in (text := each["messages"][0]["content"]))
    assert "甲虚证、甲气不足证、甲气虚" in prompt
    assert "写出2个检索问题" in prompt
    assert "病因" in prompt
    assert "临床中医师" in prompt


def test_a_rerun_costs_nothing_and_writes_the_same(run: Run, server: Model, tmp_path: Path) -> None:
    """Every answer is in the store; only generated files are replaced."""
    run(*ONE)
    first = (tmp_path / "queries.jsonl").read_bytes()
    asked = len(server.seen)
    code, said = run(*ONE)
    assert (code, len(server.seen)) == (0, asked)
    assert "writer: 0 requests (0 tokens in, 0 out), 6 answers from the store" in said
    assert (tmp_path / "queries.jsonl").read_bytes() == first
    write_lines(tmp_path / "queries.jsonl", [{"query": "人写的", "positive": "文"}])
    code, said = run(*ONE)
    assert code == 2
    assert "queries.jsonl: expected a new file, or one of generated queries; got other data" in said


def test_names_copies_and_unfit_queries_are_left_out_and_counted(run: Run, server: Model, tmp_path: Path) -> None:
    """Each for its reason."""

    def answer(prompt: str) -> Any:
        signs = sign_of(prompt)
        if signs == SIGNS["甲虚证"]:
            return "1. 甲 气虚怎么办\n2. 总是倦怠乏力怎么回事\n3. 总是倦怠乏力怎么回事？"
        if signs == SIGNS["乙实证"]:
            return "1. 总是倦怠乏力怎么回事\n2. 胁肋胀痛口苦咽干目赤"
        if signs == SIGNS["丙寒证"]:
            return "抱歉。"
        if signs == SIGNS["丁热证"]:
            return {"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}
        if signs == SIGNS["戊湿证"]:
            return {"message": {"content": "1. 头重如"}, "finish_reason": "length"}
        return "1. 今天天气很好"

    server.chat = answer
    code, said = run(*ONE, "--top-k", "1")
    assert code == 0, said
    assert counts(tmp_path) == {
        "answers": 6, "refused": 1, "cut_off": 1, "unparsable": 1, "queries": 6, "forbidden": 1, "not_found": 2,
        "duplicates_of_same_document": 1, "duplicates_of_others": 0, "kept": 2,
    }  # fmt: skip
    kept = [(row["query"], row["document_id"]) for row in rows(tmp_path / "queries.jsonl")]
    assert kept == [("总是倦怠乏力怎么回事", "甲虚证"), ("胁肋胀痛口苦咽干目赤", "乙实证")]
    run(*ONE, "--keep", "all")
    assert counts(tmp_path)["duplicates_of_others"] == 1


def test_records_lead_to_the_entries_of_their_syndromes(run: Run, server: Model, tmp_path: Path) -> None:
    """Of the split train alone: queries of test records would be test data."""
    code, said = run(*ONE, "--from", "records", "--per-document", "1")
    assert code == 0, said
    assert len(server.seen) == 12
    assert not any("test" in each["messages"][0]["content"] for each in server.seen)
    row = rows(tmp_path / "queries.jsonl")[0]
    assert (row["record_id"], row["document_id"]) == ("train-甲虚证-1", "甲虚证")
    assert row["positive"].startswith("名称：甲虚证。")


def test_a_judge_keeps_what_it_likes(run: Run, server: Model, tmp_path: Path) -> None:
    """From seven points; what it says in other words is no score."""
    judged = iter(["6", "7", '{"score": 9}', "很好", "0", "10"])

    def answer(prompt: str) -> str:
        if "评分" not in prompt:
            return asks(prompt).split("\n")[0]
        return next(judged)

    server.chat = answer
    code, said = run(*ONE, "--keep", "judge", "--judge-model", "judge", "--parallel", "1")
    assert code == 0, said
    assert (counts(tmp_path)["not_judged"], counts(tmp_path)["judged_low"], counts(tmp_path)["kept"]) == (1, 2, 3)
    assert [row["judge_score"] for row in rows(tmp_path / "queries.jsonl")] == [7, 9, 10]
    assert {each["model"]: each["temperature"] for each in server.seen} == {"writer": 0.7, "judge": 0.0}
    report = json.loads((tmp_path / "queries.report.json").read_text(encoding="utf-8"))
    assert report["costs"]["judge"]["requests"] == 6


@pytest.mark.parametrize("kind", ["beir", "table", "pos_neg"])
def test_other_data_gives_its_documents(run: Run, server: Model, tmp_path: Path, kind: str) -> None:
    """A folder with a corpus alone, a file of pairs, and any format that is named."""
    documents = [f"典型表现：{signs}" for signs in SIGNS.values()]
    if kind == "beir":
        write_lines(
            tmp_path / "beir/corpus.jsonl", [{"_id": f"d{n}", "text": text} for n, text in enumerate(documents)]
        )
        words = ("beir",)
    elif kind == "table":
        write_lines(tmp_path / "pairs.jsonl", [{"query": f"q{n}", "positive": t} for n, t in enumerate(documents)])
        words = ("pairs.jsonl",)
    else:
        write_lines(tmp_path / "p.jsonl", [{"query": f"q{n}", "pos": [t], "neg": []} for n, t in enumerate(documents)])
        words = ("p.jsonl", "--format", "pos_neg")
    code, said = run(*ONE, *words[1:], source=words[0])
    assert code == 0, said
    assert {row["document_id"] for row in rows(tmp_path / "queries.jsonl")} == {f"d{n}" for n in range(6)}
    code, said = run("--from", "entries", source=words[0])
    assert (code, "expected a TCM-SD folder" in said) == (2, True)


def test_texts_stay_here_unless_allowed(run: Run, server: Model, tmp_path: Path) -> None:
    """Neither generator nor judge gets a request before the address is checked, and nothing is read or written."""
    for words in (["--url", "http://elsewhere.example/v1"], ["--keep", "judge", "--judge-model", "j", "--judge-url",
                                                             "http://elsewhere.example/v1"]):  # fmt: skip
        code, said = run(*words)
        assert code == 2
        assert "http://elsewhere.example/v1: expected a server on this machine" in said
        assert "--allow-remote" in said
    assert server.seen == []
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_the_key_of_one_server_is_not_sent_to_another(run: Run, server: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge elsewhere gets its own, or none."""
    monkeypatch.setenv("WRITER_KEY", "pl4nted-Writer-Key")
    monkeypatch.setenv("JUDGE_KEY", "pl4nted-Judge-Key")
    server.chat = lambda prompt: "9" if "评分" in prompt else asks(prompt)
    words = (*ONE, "--limit", "1", "--keep", "judge", "--judge-model", "judge", "--api-key-env", "WRITER_KEY")
    other = ("--judge-url", server.url.replace("127.0.0.1", "localhost"))
    used = []
    for more in ((), (*other, "--seed", "1"), (*other, "--judge-api-key-env", "JUDGE_KEY", "--seed", "2")):
        server.seen.clear()
        server.keys.clear()
        code, said = run(*words, *more)
        assert code == 0, said
        used.append(dict(server.keys))
    writer, judge = "Bearer pl4nted-Writer-Key", "Bearer pl4nted-Judge-Key"
    assert [set(keys) for keys in used] == [{writer}, {writer, ""}, {writer, judge}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--types", "riddle"), "no type of question named 'riddle'"),
        (("--voices", "poet"), "no voice named 'poet'"),
        (("--base", "bm25"), "--base bm25: expected a base that returns vectors"),
        (("--base", "nobody"), "no base named 'nobody'"),
        (("--output", "queries.csv"), "expected a name that ends in .jsonl"),
        (("--url", "ftp://host"), "expected an address such as"),
        (("--keep", "some"), "'some' is not one of"),
        (("--keep", "judge"), "--keep judge and --judge-model: expected both or neither"),
        (("--judge-model", "judge"), "--keep judge and --judge-model: expected both or neither"),
        (("--model", ""), "chat model: name: String should have at least 1 character"),
        (("--temperature", "nan"), "Invalid value for '--temperature'"),
        (("--requests-per-minute", "inf"), "chat model: requests_per_minute: Input should be a finite number"),
    ],
)
def test_mistakes_cost_no_request(run: Run, server: Model, words: tuple[str, ...], message: str) -> None:
    """Exit code 2, before anything is asked."""
    code, said = run(*words)
    assert code == 2
    assert message in said
    assert server.seen == []


def test_no_query_at_all_is_an_error(run: Run, server: Model, tmp_path: Path) -> None:
    """And no file."""
    server.chat = lambda _: "抱歉。"
    code, said = run(*ONE)
    assert code == 2
    assert "expected queries to keep, got none: 6 answers" in said
    assert not (tmp_path / "queries.jsonl").exists()


def test_a_killed_run_asks_nothing_twice(run: Run, server: Model, tmp_path: Path) -> None:
    """SIGKILL while an answer is awaited: all that were answered before are in the store."""
    waits, go_on = threading.Event(), threading.Event()
    answered: list[str] = []

    def blocking(prompt: str) -> str:
        if len(answered) == 4 and not go_on.is_set():
            waits.set()
            go_on.wait(120)
        answered.append(prompt)
        return asks(prompt)

    server.chat = blocking
    words = ["data", "queries", "toy", "--url", server.url, "--model", "writer", *ONE, "--parallel", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tcmbench", *words], cwd=tmp_path, env={**os.environ, "no_proxy": "*"}
    )
    assert waits.wait(120)
    process.kill()
    process.wait(60)
    before = [each["messages"][0]["content"] for each in server.seen]
    assert (len(before), (tmp_path / "queries.jsonl").exists()) == (5, False)
    go_on.set()
    code, said = run(*ONE, "--parallel", "1")
    assert code == 0, said
    asked = [each["messages"][0]["content"] for each in server.seen][len(before) :]
    assert len(asked) == 2
    assert set(asked).isdisjoint(before[:4])
    assert len({*before, *asked}) == 6
    assert "4 answers from the store" in said
