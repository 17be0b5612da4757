"""A benchmark's figures say what was measured, and a missed goal is never hidden."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks import _report
from benchmarks._result import Environment, LeftOut, Result, Row, number
from tests.processes import is_gone, waits_for

WHERE = Environment(
    processor="A processor",
    cores=2,
    memory_gib=24.0,
    load=0.5,
    gpu="",
    system="Linux x86_64",
    python="3.11.7",
    packages={"numpy": "2.4"},
    commit="abc1234",
)


def result(*rows: Row, quick: bool = False) -> Result:
    """Return a result with these rows."""
    return Result(question="How fast?", quick=quick, rows=rows, seconds=1.0, environment=WHERE)


@pytest.mark.parametrize(
    ("goals", "expected"),
    [
        ({}, None),
        ({"least_ratio": 10.0}, True),
        ({"least_ratio": 10.1}, False),
        ({"most": 2.0, "most_mib": 50.0}, True),
        ({"most": 1.9}, False),
        ({"least": 3.0}, False),
        ({"least_ratio": 1.0, "most_mib": 49.0}, False),
    ],
)
def test_all_goals_of_a_row_must_be_met(goals: dict[str, float], expected: bool | None) -> None:
    """A row is met when every goal is, and neither met nor missed without any."""
    row = Row(case="case", unit="s", ours=2.0, rival=20.0, rival_name="theirs", mib=50.0, **goals)
    assert expected == row.is_met


def test_a_figure_that_is_missing_meets_nothing() -> None:
    """No rival, no ratio; no memory measured, no bound kept."""
    assert Row(case="case", unit="s", ours=2.0, least_ratio=1.0).is_met is False
    assert Row(case="case", unit="s", ours=2.0, most_mib=1.0).is_met is False


def test_the_report_names_missed_goals_and_failures_first() -> None:
    """Missed goals are above the tables, in a full run; small sizes are not judged."""
    missed = Row(case="a | b", unit="s", ours=2.0, most=1.0, note="Extrapolated.")
    met = Row(case="good", unit="s", ours=0.5, most=1.0)
    text = _report.markdown({"fast": result(missed, met)}, failed=["broken"], date=date(2026, 1, 2))
    head, _, tables = text.partition("## ")
    assert "**Goals: 1 of 2 met.**" in head
    assert "- missed: fast: a \\| b: ≤ 1 s" in head
    assert "- failed, no figures: broken" in head
    assert "| MISSED |" in tables
    assert "Extrapolated." in tables
    quick = _report.markdown({"fast": result(missed, quick=True)}, failed=[], date=date(2026, 1, 2))
    assert "**Goals: 0 of 0 met.**" in quick
    assert "not judged at this size" in quick


def test_the_report_says_what_was_not_measured() -> None:
    """What can't be measured on a machine is listed with its reason, and is no figure."""
    found = result().model_copy(update={"left_out": (LeftOut(case="set demo", reason="No scores. Run `make demo`."),)})
    head, _, section = _report.markdown({"fast": found}, failed=[], date=date(2026, 1, 2)).partition("## ")
    assert "**Goals: 0 of 0 met.**" in head
    assert "- not measured: fast: set demo: No scores. Run `make demo`." in head
    assert "Not measured: set demo: No scores. Run `make demo`." in section
    assert "|" not in section


def test_every_benchmark_is_found_by_its_file() -> None:
    """The folder is the list; what checks promises and not speed stays out."""
    found = runner.names()
    assert {"fast_retrieval", "embedding_cache", "hybrid_mining", "stats"} <= set(found)
    assert not {"gate_simulation", "looks_simulation", "selection_simulation", "_result"} & set(found)


def test_a_benchmark_that_hangs_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """When its time is up it is ended, and the output says so."""
    runner.finish([sys.executable, "-c", "import time; time.sleep(600)"], within=0.1)
    assert "it is not done" in capsys.readouterr().out


def test_a_benchmark_leaves_no_process_behind(tmp_path: Path) -> None:
    """Processes that it started end with it."""
    pid = tmp_path / "pid"
    inner = f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)"
    outer = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {inner!r}])\n{waits_for(pid)}"
    runner.finish([sys.executable, "-c", outer])
    assert is_gone(int(pid.read_text()))


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (0.01234, "0.0123"), (12.345, "12.3"), (12345.6, "12,346")]
)
def test_figures_have_three_digits(value: float | None, expected: str) -> None:
    """No figure pretends to more than was measured."""
    assert expected == number(value)
