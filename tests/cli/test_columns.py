"""Tables whose columns have names of their own, named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of questions and answers under uncommon names; the current folder is empty otherwise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "asked.csv"
    signs = ("咳嗽", "头痛", "失眠", "便秘", "乏力", "盗汗")
    rows = "".join(f"怎样治{sign},多{sign}休息,类{number % 2}\n" for number, sign in enumerate(signs))
    path.write_text(f"ask,reply,kind\n{rows}", encoding="utf-8")
    return path


def test_columns_are_named_on_the_command_line(called: Cli, table: Path) -> None:
    """The type follows from the columns as they are named, unless it is given too."""
    named = ("--columns", "query=ask", "--columns", "positive=reply")
    code, out, err = called("eval", "bm25", "--tasks", str(table), *named)
    assert code == 0, err
    assert out.startswith("asked  in_domain  100.00  ndcg_at_10, 6 items")
    pairs = ("--columns", "text=ask", "--columns", "label=kind", "--type", "clustering")
    code, out, err = called("eval", "hashed-chars", "--tasks", str(table), *pairs)
    assert code == 0, err
    assert "v_measure" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--columns", "query"), "expected COLUMN=NAME, each column once, got 'query'"),
        (("--columns", "query=ask", "--columns", "query=reply"), "each column once, got 'query=reply'"),
        (("--columns", "quest=ask"), "quest"),
        (("--type", "retrievall"), "Did you mean 'retrieval'"),
    ],
)
def test_wrong_columns_and_types_are_refused(called: Cli, table: Path, arguments: tuple[str, ...], said: str) -> None:
    """Before anything is measured."""
    code, out, err = called("eval", "bm25", "--tasks", str(table), *arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.usefixtures("table")
def test_a_declared_task_has_its_type(called: Cli) -> None:
    """A suite or a task's name with --type is refused: it would be ignored."""
    code, _, err = called("eval", "bm25", "--tasks", "SynthQA", "--type", "retrieval")
    assert (code, "expected the path of a file or folder, got the task 'SynthQA'" in err) == (2, True)
    code, _, err = called("eval", "bm25", "--suite", "demo", "--columns", "query=ask")
    assert (code, "describe a file or folder of --tasks" in err) == (2, True)
