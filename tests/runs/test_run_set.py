"""A set from end to end: the board is written, and an unchanged one is not worked out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.boards import build, publish
from tcmbench.runs import jobs
from tcmbench.specs.model_set import ModelSet
from tests.running import run, stored

if TYPE_CHECKING:
    from tcmbench.boards.table import Table
    from tcmbench.workspace import Workspace

SET = 'suite = "tiny"\nreference = "hashed-chars"\nmodels = ["hashed-chars", "bm25"]\n'


def test_an_unchanged_board_is_taken_from_the_store(tiny: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run writes the same bytes without computing anything, and reports missing scores."""
    (tiny.root / "models/sets/tiny.toml").write_text(SET, encoding="utf-8")
    model_set = tiny.spec(ModelSet, "tiny")
    planned = tasks.plan_set(tiny, model_set)
    first = publish.write_board(tiny, model_set, planned, run(tiny, "tiny").entries)
    assert [path.name for path in first.files] == ["index.html", "scores.csv", "scores.json"]
    before = [path.read_bytes() for path in first.files]
    assert {line.partition(":")[0] for line in first.missing} == {"hashed-chars · TinyAbsent", "bm25 · TinyAbsent"}

    def unexpected(*_: object, **__: object) -> Table:
        pytest.fail("the board was worked out again")

    monkeypatch.setattr(build, "build", unexpected)
    again = publish.write_board(tiny, model_set, planned, stored(tiny, "tiny"))
    assert before == [path.read_bytes() for path in again.files]
    assert jobs.plan(tiny, model_set, planned).jobs == ()
