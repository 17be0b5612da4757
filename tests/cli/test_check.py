"""`tcmbench check` from the command line: real faults are planted in real encoders, and each is caught.

One workspace for all; what a test plants it takes away again. Scores are content-addressed, so the good ones stay.
"""

from __future__ import annotations

import json
import shutil
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.cli import main
from tcmbench.encoders import sentence_transformers
from tests.cli import gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tcmbench.workspace import Workspace

BASELINE = "leaderboards/small/baseline.json"


@pytest.fixture
def cli(
    whole: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clean_environment: None
) -> Callable[..., tuple[int, str]]:
    """Runs `tcmbench` in the workspace and returns exit code and everything it said."""
    monkeypatch.chdir(whole.root)
    monkeypatch.setenv("TCMBENCH_CACHE", str(whole.cache))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["tcmbench", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out + said.err

    return run


@pytest.fixture(autouse=True)
def baseline(whole: Workspace, cli: Callable[..., tuple[int, str]]) -> None:
    """The baseline of the good models, written once."""
    if not (whole.root / BASELINE).is_file():
        code, said = cli("check", "small", "--update-baseline")
        assert (code, said.partition(",")[0]) == (0, f"{BASELINE}: 2 models on 1 tasks")


@pytest.fixture
def restored(whole: Workspace) -> Iterator[None]:
    """Restores models, declarations and data after a test."""
    kept = whole.root.parent / f"{whole.root.name}-kept"
    for folder in ("models", "data"):
        shutil.copytree(whole.root / folder, kept / folder)
    yield
    for folder in ("models", "data"):
        shutil.rmtree(whole.root / folder)
        shutil.move(kept / folder, whole.root / folder)


def test_an_unchanged_rerun_passes(whole: Workspace, cli: Callable[..., tuple[int, str]]) -> None:
    """Measured again from nothing, the scores are the same and the gate says so with 0."""
    shutil.rmtree(whole.cache)
    gate.measure(whole)
    code, said = cli("check", "small")
    assert (code, said.splitlines()[-1]) == (0, "PASS: 2 models, 2 with exactly the same scores")


def swapped_vectors(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version of the encoder hands 2% of the vectors to their neighbour in the batch."""
    encode = sentence_transformers.SentenceTransformersEncoder.encode_texts

    def faulty(self: Any, texts: Sequence[str]) -> Any:
        vectors = encode(self, texts).copy()
        for place, text in enumerate(texts):
            if zlib.crc32(text.encode()) % 100 < 2:
                vectors[[place - 1, place]] = vectors[[place, place - 1]]
        return vectors

    monkeypatch.setattr(sentence_transformers.SentenceTransformersEncoder, "encode_texts", faulty)
    monkeypatch.setattr(sentence_transformers, "REVISION", "faulty")


def wrong_prompt(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody puts the prompt of another task before the queries: another revision of the model, the same task."""
    gate.declare(root, "tuned", query_prompt="请把下面的句子翻译成英文：")


def truncated(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer is saved with the truncation that a training left in it."""
    path = root / "models/tuned/tokenizer.json"
    tokenizer = json.loads(path.read_text("utf-8"))
    tokenizer["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")


def stale_adapter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The untuned weights are published under the tuned model's name."""
    shutil.copy(root / "models/stays/model.safetensors", root / "models/tuned/model.safetensors")


@pytest.mark.parametrize("plant", [swapped_vectors, wrong_prompt, truncated, stale_adapter])
@pytest.mark.usefixtures("restored")
def test_a_planted_regression_is_caught(
    plant: Callable[[Path, pytest.MonkeyPatch], None],
    whole: Workspace,
    cli: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Each fault exits with 1, with model and task in every output."""
    plant(whole.root, monkeypatch)
    gate.measure(whole)
    code, said = cli("check", "small", "--output-dir", str(tmp_path))
    assert code == 1, said
    assert "REGRESSION" in said
    found = json.loads((tmp_path / "check.json").read_text("utf-8"))
    verdicts = {model["name"]: model["outcome"] for model in found["models"]}
    assert verdicts["tuned"] == "regression"
    assert verdicts["stays"] == ("regression" if plant is swapped_vectors else "pass")
    assert any(rule["rule"] == "task_regressed" for rule in found["models"][0]["findings"])
    assert '<failure type="task_regressed"' in (tmp_path / "junit.xml").read_text("utf-8")
    results = json.loads((tmp_path / "check.sarif").read_text("utf-8"))["runs"][0]["results"]
    assert {"models/bases/tuned.toml"} <= {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results
    }


def test_a_missing_score_fails_with_2(whole: Workspace, cli: Callable[..., tuple[int, str]]) -> None:
    """A missing score is never skipped; the message names the command to run."""
    folder = gate.score_folder(whole, "tuned")
    kept = whole.root / "kept-score"
    shutil.move(folder, kept)
    try:
        code, said = cli("check", "small")
    finally:
        shutil.move(kept, folder)
    assert code == 2
    assert f"missing: {gate.TASK}: pending: not measured yet" in said
    assert "tcmbench run small" in said


@pytest.mark.parametrize(
    ("name", "what"), [("items.parquet", "it is missing"), ("score.json", "its content doesn't match its sha256 in")]
)
def test_a_damaged_score_fails_with_2(
    whole: Workspace, cli: Callable[..., tuple[int, str]], name: str, what: str
) -> None:
    """Without its items, or with a better value than they give, it is none; the message names the file."""
    path = gate.score_folder(whole, "tuned") / name
    kept = path.read_bytes()
    path.unlink()
    if name == "score.json":
        path.write_bytes(kept.replace(b'"value": 0.', b'"value": 0.9'))
    try:
        code, said = cli("check", "small")
    finally:
        path.write_bytes(kept)
    assert code == 2
    assert f"missing: {gate.TASK}: failed: the stored result is damaged and not shown (scores/" in said
    assert f"{name}: {what}" in said


@pytest.mark.usefixtures("restored")
def test_changed_data_is_not_comparable(whole: Workspace, cli: Callable[..., tuple[int, str]]) -> None:
    """Another text of the same item is another task: 3, with its name and how to rebaseline."""
    path = whole.root / "data/qa/corpus.jsonl"
    path.write_text(path.read_text("utf-8").replace("。", "；", 1), "utf-8")
    gate.measure(whole)
    code, said = cli("check", "small")
    assert code == 3
    assert f"not_comparable: {gate.TASK}: same items, but other texts, labels, candidates or options" in said
    assert "tcmbench check small --update-baseline" in said


@pytest.mark.usefixtures("restored")
def test_changed_data_that_is_not_measured_yet_is_missing(
    whole: Workspace, cli: Callable[..., tuple[int, str]]
) -> None:
    """Without scores on the new data there is nothing to compare: measure first."""
    path = whole.root / "data/qa/corpus.jsonl"
    path.write_text(path.read_text("utf-8").replace("。", "！", 1), "utf-8")
    code, _ = cli("check", "small")
    assert code == 2


def test_nothing_to_check_is_an_error(cli: Callable[..., tuple[int, str]]) -> None:
    """A gate that looks at nothing doesn't pass."""
    code, said = cli("check", "small", "--against", "reference")
    assert (code, "there is nothing to check" in said) == (2, True)


def test_a_misspelt_policy_names_file_and_line(cli: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    """An error, with 2."""
    path = tmp_path / "policy.toml"
    path.write_text("cap = 3\nmargn = 1.0\n", "utf-8")
    code, said = cli("check", "small", "--policy", str(path))
    assert code == 2
    assert f"{path}:2: margn: unknown field. Did you mean 'margin'?" in said


def test_github_s_summary_is_appended(
    cli: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Other steps' text stays."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, _ = cli("check", "small")
    assert code == 0
    assert summary.read_text("utf-8").startswith("before\n## ✅ tcmbench check: PASS")


def test_json_on_the_terminal_is_nothing_but_json(cli: Callable[..., tuple[int, str]]) -> None:
    """`--json -` can be piped."""
    code, said = cli("check", "small", "--json", "-")
    assert (code, json.loads(said)["outcome"]) == (0, "pass")


def test_an_update_that_changes_nothing_leaves_the_file(whole: Workspace, cli: Callable[..., tuple[int, str]]) -> None:
    """No diff where there is none."""
    before = (whole.root / BASELINE).read_bytes()
    code, said = cli("check", "small", "--update-baseline")
    assert (code, "is up to date" in said) == (0, True)
    assert (whole.root / BASELINE).read_bytes() == before
