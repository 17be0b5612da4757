"""What is said of a run where no bar can move."""

from __future__ import annotations

import pytest

from tcmbench.cli import progress
from tcmbench.records.events import (
    Encoding,
    JobFailed,
    JobFinished,
    MeasuringStarted,
    Note,
    ScoreMeasured,
    TrainingStep,
)


def test_a_training_says_a_line_a_minute(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Hours of training aren't silent in a log file, and don't fill it."""
    now = [5.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = progress.Progress(total=1)
    for step, seconds in ((1, 5.0), (2, 30.0), (3, 64.9), (4, 65.0), (5, 100.0)):
        now[0] = seconds
        shown.show(TrainingStep("tuned/seed0", step, 9, 0.5, 125.0))
    assert capsys.readouterr().err.splitlines() == [
        f"tuned/seed0 · step {step}/9 · loss 0.500 · 2:05 to go" for step in (1, 4)
    ]


def test_a_training_says_its_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the loss measures the share of positives that are the closest of their batch."""
    progress.Progress(total=1).show(TrainingStep("tuned/seed0", 1, 9, 0.5, 125.0, 0.875))
    expected = "tuned/seed0 · step 1/9 · loss 0.500 · accuracy in the batch 87.5% · 2:05 to go"
    assert expected == capsys.readouterr().err.strip()


def test_names_are_no_markup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither for rich, which would stop at a tag without a beginning, nor for a terminal or a CI system."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with progress.waiting("checking [/b][link=http://evil.example]x"), progress.Progress(total=2) as shown:
        shown.show(MeasuringStarted("[/b]name", "[red]Task\x1b]0;title\x07"))
        shown.show(Note("::error::\x1b[2Jno"))
    told = capsys.readouterr().err
    assert "[/b]name · [red]Task\\u001b]0;title\\u0007" in told
    assert ": :error::\\u001b[2Jno" in told


def test_scores_and_failures_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each score is counted, failures have their reason; what only begins or ends says nothing."""
    shown = progress.Progress(total=2)
    for event in (
        MeasuringStarted("a", "Task"),
        ScoreMeasured("a", "Task", 0.31415),
        ScoreMeasured("b/seed0", "Task", None),
        JobFinished("k", "a"),
        JobFailed("k", "c", "no data"),
        Note("text"),
    ):
        shown.show(event)
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] a · Task: 31.41",
        "[2/2] b/seed0 · Task: failed",
        "c: no data",
        "text",
    ]


def test_a_long_encoding_says_a_line_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Texts, speed, time left of the list, and of the run from a tenth on; a short one says nothing but its score."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = progress.Progress(total=4)
    shown.show(MeasuringStarted("a", "Task"))
    for seconds, done in ((1.0, 10), (29.9, 290), (30.0, 300), (59.9, 590), (60.0, 600)):
        now[0] = seconds
        shown.show(Encoding("a", "Task", done, 1_200, 100 * done, 120_000, seconds))
    assert capsys.readouterr().err.splitlines() == [
        "a · Task · 300/1,200 texts · 1,000 tokens/s · 1:30 to go",
        "a · Task · 600/1,200 texts · 1,000 tokens/s · 1:00 to go, about 7:00 for all",
    ]


def test_one_line_moves_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the number of scores that are done; nothing of it stays."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with progress.Progress(total=1) as shown:
        shown.show(Encoding("a", "Task", 300, 1_200, 30_000, 120_000, 30.0))
        shown._bar.refresh()
    said = capsys.readouterr().err
    assert "[0/1] a · Task · 300/1,200 texts · 1,000 tokens/s · 1:30 to go" in said
    assert "for all" not in said
    assert said.endswith("\x1b[2K")
