"""`tcmbench history` and `check --baseline last-green`: a regression is planted between two commits, and found."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tcmbench.history import log
from tests.cli import gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.workspace import Workspace


def git(place: Workspace, *arguments: str) -> str:
    """Run git in the workspace."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(place.root), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(place: Workspace, title: str) -> str:
    """Commit everything that isn't ignored and return the hash."""
    git(place, "add", "-A")
    git(place, "commit", "-qm", title)
    return git(place, "rev-parse", "--short=12", "HEAD")


def forget(place: Workspace, name: str, *, share: float) -> None:
    """Replace the vectors of a share of a static model's tokens by those of their neighbours."""
    from safetensors.torch import load_file, save_file

    path = place.root / "models" / name / "model.safetensors"
    weights = load_file(path)
    count = int(share * len(weights["embeddings"]))
    weights["embeddings"][:count] = weights["embeddings"][:count].roll(1, dims=0)
    save_file(weights, path)


@pytest.fixture(scope="module")
def commits(whole: Workspace) -> list[str]:
    """Makes the workspace a repository; its first commit."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    (whole.root / ".gitignore").write_text("store/\n", encoding="utf-8")
    git(whole, "init", "-q")
    return [commit(whole, "The models of the paper")]


def test_a_planted_regression_is_found_between_two_commits(
    whole: Workspace, commits: list[str], in_whole: Callable[..., tuple[int, str, str]]
) -> None:
    """Run at two commits, the history shows the significant paired loss, its cause and the commit that made it."""
    assert in_whole("run", "small")[0] == 0
    assert in_whole("check", "small", "--update-baseline")[0] == 0
    assert in_whole("check", "small")[0] == 0

    kept = (whole.root / "models/tuned/model.safetensors").read_bytes()
    forget(whole, "tuned", share=0.6)
    commits.append(commit(whole, "Tidy the vocabulary"))
    assert in_whole("run", "small")[0] == 0

    states = log.read(log.path_of(whole, "small")).runs
    assert [state.commit for state in states] == commits
    code, said, _ = in_whole("history", "small", "--model", "tuned", "--json")
    first, second = json.loads(said)["states"]
    assert (code, first["gate_passed"], second["gate_passed"], second["row"]) == (0, True, None, "tuned")
    assert second["regressed"] == ["general", gate.TASK]
    change = second["columns"][gate.TASK]["change"]
    assert change["high"] < 0
    assert change["value"] == pytest.approx(
        second["columns"][gate.TASK]["after"] - second["columns"][gate.TASK]["before"], abs=1e-3
    )
    assert [cause["kind"] for cause in second["causes"]] == ["model"]
    assert second["commits"] == [{"name": git(whole, "rev-parse", "--short", "HEAD"), "title": "Tidy the vocabulary"}]

    # The gate against the last state that passed fails, and goes on failing: a failed state isn't green.
    for _ in range(2):
        code, said, _ = in_whole("check", "small", "--baseline", "last-green")
        assert code == 1
        assert f"last-green ({states[0].time}, commit {commits[0]})" in said
    (whole.root / "models/tuned/model.safetensors").write_bytes(kept)


def test_a_row_that_did_not_change_is_said_to_be_unchanged(
    whole: Workspace, in_whole: Callable[..., tuple[int, str, str]]
) -> None:
    """The other model of the set has the same scores at both commits."""
    code, said, _ = in_whole("history", "small", "--model", "stays")
    assert (code, said.count("unchanged"), said.count("REGRESSED")) == (0, 1, 0)


def test_the_page_shows_the_same_and_asks_nobody_for_anything(
    whole: Workspace, in_whole: Callable[..., tuple[int, str, str]]
) -> None:
    """It has the commit that broke the model, without scripts, links or other files."""
    code, _, _ = in_whole("history", "small", "--model", "tuned", "--page")
    page = (whole.root / "leaderboards/small/history.html").read_text(encoding="utf-8")
    assert code == 0
    assert "Tidy the vocabulary" in page
    assert "REGRESSED" in page
    assert not any(part in page for part in ("<script", "http://", "https://", "src="))


def test_a_step_without_stored_items_says_so_and_is_not_green(
    whole: Workspace, in_whole: Callable[..., tuple[int, str, str]]
) -> None:
    """Where the store lost the items of a state, scores are shown without a paired change, and last-green refuses."""
    good = log.read(log.path_of(whole, "small")).runs[0].models["tuned"].revisions[0]
    folder = next(
        path.parent
        for path in (whole.cache / "scores").rglob("score.json")
        if json.loads(path.read_text(encoding="utf-8"))["model_revision"] == good
    )
    shutil.move(folder, whole.root / "kept-score")
    try:
        code, said, _ = in_whole("history", "small", "--model", "tuned")
        assert (code, "not paired: before: its items are no longer in the store" in said) == (0, True)
        code, _, said = in_whole("check", "small", "--baseline", "last-green")
        assert code == 2
        assert "can't be compared item by item" in said
        assert f"check out {log.read(log.path_of(whole, 'small')).runs[0].commit}" in said
    finally:
        shutil.move(whole.root / "kept-score", folder)


def test_without_a_state_that_passed_there_is_an_error_with_the_remedy(
    whole: Workspace, in_whole: Callable[..., tuple[int, str, str]]
) -> None:
    """Nothing is compared with a state that nobody judged."""
    path = log.path_of(whole, "small")
    kept = path.read_bytes()
    path.write_bytes(b"\n".join(line for line in kept.split(b"\n") if b'"kind": "check"' not in line))
    try:
        code, _, said = in_whole("check", "small", "--baseline", "last-green")
    finally:
        path.write_bytes(kept)
    assert code == 2
    assert "no state of set small has passed the gate, of 2 that were logged" in said
    assert "tcmbench check small --update-baseline" in said


def test_a_set_that_was_never_run_has_no_history(in_empty_folder: Callable[..., tuple[int, str, str]]) -> None:
    """The error names the command that logs its results."""
    code, _, said = in_empty_folder("history", "demo")
    assert (code, "tcmbench run demo" in said) == (2, True)
