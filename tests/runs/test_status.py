"""What a run notes for those who look at its board."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tcmbench.records.entry import CellState, Entry
from tcmbench.runs.status import Doing, Reporter, mark, running
from tcmbench.store import Store, write_json
from tcmbench.trainers import Step

if TYPE_CHECKING:
    from pathlib import Path


class Told:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, model: Any, column: Any) -> None:
        """Keep it."""
        self.heard.append(f"begin {model.name} {column.column}")

    def end(self, model: Any, column: Any, score: object) -> None:
        """Keep it."""
        self.heard.append(f"end {model.name} {column.column} {score}")

    def train(self, name: str, step: Step) -> None:
        """Keep it."""
        self.heard.append(f"train {name} {step.step}")

    def note(self, text: str) -> None:
        """Keep it."""
        self.heard.append(f"note {text}")


MODEL: Any = SimpleNamespace(name="good/seed1")
COLUMN: Any = SimpleNamespace(column="Task/test")


def test_others_see_what_is_measured_while_it_is(tmp_path: Path) -> None:
    """A measurement is seen from its begin to its end, and the wrapped watcher hears everything."""
    store, told = Store(tmp_path), Told()
    with Reporter(store, told).watching() as reporter:
        assert running(store) == []
        reporter.begin(MODEL, COLUMN)
        assert running(store) == [Doing("good/seed1", "Task/test", "")]
        reporter.end(MODEL, COLUMN, None)
        assert running(store) == []
        reporter.train("good/seed1", Step(step=3, total=9, loss=1.0, remaining=5.0))
        assert running(store) == [Doing("good/seed1", "", "training, step 3 of 9")]
        reporter.note("text")
    assert told.heard == [
        "begin good/seed1 Task/test",
        "end good/seed1 Task/test None",
        "train good/seed1 3",
        "note text",
    ]
    assert running(store) == []
    assert list((tmp_path / "running").iterdir()) == []


def test_a_killed_run_does_not_run(tmp_path: Path) -> None:
    """A file that no process holds a lock for is what a killed run left: it is removed."""
    write_json(tmp_path / "running" / "host-1.json", {"model": "good", "column": "Task/test", "detail": ""})
    assert running(Store(tmp_path)) == []
    assert list((tmp_path / "running").iterdir()) == []


def test_only_pending_cells_become_running() -> None:
    """A training touches all pending cells of its variant, a measurement one; other states stay."""
    entry = Entry(
        name="good",
        title="good",
        kind="variant",
        states={"A": CellState("pending"), "B": CellState("pending"), "C": CellState("failed", "why")},
    )
    measuring = mark([entry], [Doing("good/seed1", "A", "")])[0].states
    assert [measuring[c].state for c in "ABC"] == ["running", "pending", "failed"]
    assert measuring["A"].reason == "seed1, being measured"
    training = mark([entry], [Doing("good/seed0", "", "training, step 3 of 9")])[0].states
    assert [training[c].state for c in "ABC"] == ["running", "running", "failed"]
    assert mark([entry], [Doing("other", "A", "")]) == [entry]
