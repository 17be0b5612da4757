"""`tcmbench data views`: a task's queries in another form, measured as a task like any other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import tasks
from tcmbench.cli import main
from tcmbench.data.formats import beir
from tcmbench.data.tcm_sd import read_folder
from tcmbench.tasks.given import with_data
from tcmbench.workspace import find
from tests.generation.test_make import Run
from tests.generation.toy import SIGNS, write_folder
from tests.model_server import Model, server
from tests.task_types.folders import DOCUMENTS, QRELS, QUERIES, write_lines, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

__all__ = ["server"]


@pytest.fixture
def run(
    server: Model, workspace_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    clean_environment: None,
) -> Run:  # fmt: skip
    """Runs `tcmbench data views SOURCE` into the folder `view`; returns exit code and both streams."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(workspace_dir)
    monkeypatch.setenv("TCMBENCH_CACHE", str(workspace_dir / "store"))
    server.chat = lambda prompt: f"关于{query_of(prompt)[:4]}的一段话。" if "写一段话" in prompt else "甲、乙"

    def call(source: str, *words: str, url: str = "") -> tuple[int, str]:
        given = ["data", "views", source, "--url", url or server.url, "--model", "writer", "--output", "view", *words]
        with pytest.raises(SystemExit) as stop:
            main(given)
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out + said.err

    return call


def query_of(prompt: str) -> str:
    """Return the query in a prompt."""
    return prompt.partition("检索请求：\n")[2].strip()


def queries_of(place: Workspace, path: Path) -> dict[str, str]:
    """Return the queries of the task of a folder, as a model gets them."""
    place, spec = with_data(place, path)
    task: Any = tasks.instantiate(tasks.resolve(place, spec.name), spec.splits[0])
    task.load_data()
    rows = task.dataset["default"][spec.splits[0]]["queries"]
    return dict(zip(rows["id"], rows["text"], strict=True))


def write_beir(root: Path) -> Path:
    """Write a BEIR folder."""
    write_lines(root / "corpus.jsonl", [{"_id": name, "text": text} for name, text in DOCUMENTS.items()])
    write_lines(root / "queries.jsonl", [{"_id": name, "text": text} for name, text in QUERIES.items()])
    (root / "qrels").mkdir()
    (root / "qrels/test.tsv").write_text(QRELS, encoding="utf-8")
    return root


def test_passages_follow_the_queries_of_a_folder(run: Run, workspace_dir: Path) -> None:
    """Documents and judgements stay; the report says what was done."""
    source = write_beir(workspace_dir / "beir")
    code, said = run("beir", "--kind", "query2doc")
    assert code == 0, said
    before, after = beir.read(source), beir.read(workspace_dir / "view")
    assert (after.corpus, after.qrels) == (before.corpus, before.qrels)
    expected = {name: f"{text}\n关于{text[:4]}的一段话。" for name, text in QUERIES.items()}
    assert after.queries == expected
    assert queries_of(find(workspace_dir), workspace_dir / "view") == expected
    report = json.loads((workspace_dir / "view/report.json").read_text(encoding="utf-8"))
    assert (report["synthetic"], report["kind"], report["generator"]["name"]) == (True, "query2doc", "writer")
    assert report["counts"] == {"rewritten": 3}
    assert report["costs"]["requests"] == 3


def test_queries_without_a_form_stay_as_they_are(run: Run, server: Model, workspace_dir: Path) -> None:
    """Refusals and prose instead of keywords are counted."""
    write_beir(workspace_dir / "beir")
    answers: dict[str, Any] = {
        QUERIES["q1"]: "恶寒 发热",
        QUERIES["q2"]: "好的，\n关键词如下",
        QUERIES["q3"]: {"message": {"content": None}, "finish_reason": "content_filter"},
    }
    server.chat = lambda prompt: answers[query_of(prompt)]
    code, said = run("beir", "--kind", "keywords")
    assert code == 0, said
    assert beir.read(workspace_dir / "view").queries == {**QUERIES, "q1": "恶寒 发热"}
    assert "view: 1 rewritten, 2 unchanged" in said


def test_a_table_becomes_a_folder_with_the_same_judgements(run: Run, workspace_dir: Path) -> None:
    """By the name of a task, with its columns; grades and negatives stay."""
    rows = [
        {"ask": "头痛怎么办", "reply": "疏风", "grade": 2},
        {"ask": "头痛怎么办", "reply": "补肾", "grade": 0},
        {"ask": "失眠怎么办", "reply": "安神", "grade": 1},
        {"ask": "这一句没有答案", "reply": "无关", "grade": 0},  # the task leaves it out, so the view does
    ]
    write_table(workspace_dir / "data/own.csv", rows)
    (workspace_dir / "tasks/Own.toml").write_text(
        'type = "pairs_retrieval"\npath = "own.csv"\n[options.columns]\nquery = "ask"\npositive = "reply"\n', "utf-8"
    )
    code, said = run("Own", "--kind", "keywords")
    assert code == 0, said
    view = beir.read(workspace_dir / "view")
    assert view.queries == {"q0": "甲 乙", "q1": "甲 乙"}
    assert view.qrels == {"test": {"q0": {"d0": 2, "d1": 0}, "q1": {"d2": 1}}}
    assert {name: document.text for name, document in view.corpus.items()} == {
        "d0": "疏风", "d1": "补肾", "d2": "安神", "d3": "无关",
    }  # fmt: skip


def test_records_keep_patients_and_labels(run: Run, server: Model, workspace_dir: Path) -> None:
    """A TCM-SD folder stays one; only the split that is measured is sent and written."""
    source = write_folder(workspace_dir / "toy")
    code, said = run("toy", "--kind", "query2doc")
    assert code == 0, said
    before, after = read_folder(source, splits=["test"]), read_folder(workspace_dir / "view")
    assert list(after.splits) == ["test"]
    assert len(server.seen) == len(SIGNS)
    assert (after.knowledge, after.label_map) == (before.knowledge, before.label_map)
    for old, new in zip(before.splits["test"], after.splits["test"], strict=True):
        assert (new.record_id, new.patient_id, new.labels) == (old.record_id, old.patient_id, old.labels)
        assert new.query() == f"{old.query()}关于{old.query()[:4]}的一段话。\n"


def test_a_view_reads_the_fields_that_the_task_reads(run: Run, server: Model, workspace_dir: Path) -> None:
    """The model sees no others, and the written records have none."""
    write_folder(workspace_dir / "data/toy")
    (workspace_dir / "tasks/Toy.toml").write_text('type = "syndrome_retrieval"\npath = "toy"\n', "utf-8")
    code, said = run("Toy[record_fields=chief_complaint]", "--kind", "query2doc")
    assert code == 0, said
    assert not any("病人" in each["messages"][0]["content"] for each in server.seen)
    (first, *_) = read_folder(workspace_dir / "view").splits["test"]
    assert first.query().startswith("主诉：倦怠乏力，气短懒言，自汗1天\n关于")
    assert first.history == ""


@pytest.mark.parametrize(
    ("source", "words", "message"),
    [
        ("beir", ("--url", "http://elsewhere.example/v1"), "expected a server on this machine"),
        ("nowhere", (), "The data of a task is missing"),
        ("sts.csv", (), "expected a task whose queries search documents, got one of type sts"),
        ("beir", ("--output", "beir"), "expected a new or empty folder"),
    ],
)
def test_mistakes_cost_no_request(
    run: Run, server: Model, workspace_dir: Path, source: str, words: tuple[str, ...], message: str
) -> None:
    """Exit code 2, before anything is asked."""
    write_beir(workspace_dir / "beir")
    write_table(workspace_dir / "sts.csv", [{"sentence1": "a", "sentence2": "b", "score": n} for n in range(3)])
    code, said = run(source, "--kind", "keywords", *words)
    assert code == 2, said
    assert message in said
    assert server.seen == []
    assert not (workspace_dir / "view").exists()


def test_a_failed_view_writes_nothing(run: Run, server: Model, workspace_dir: Path) -> None:
    """What was answered is stored."""
    write_beir(workspace_dir / "beir")
    server.failures = [200, 400]
    code, said = run("beir", "--kind", "keywords", "--parallel", "1")
    assert (code, (workspace_dir / "view").exists()) == (2, False), said
    asked = len(server.seen)
    server.failures = []
    code, said = run("beir", "--kind", "keywords")
    assert code == 0, said
    assert len(server.seen) - asked == 2
