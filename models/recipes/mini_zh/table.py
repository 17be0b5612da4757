"""``python -m models.recipes.mini_zh.table SCORES``: the cards' table of figures, from a board's stored scores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

ROWS = ("mini-zh", "mini-zh-static", "hashed-chars", "tfidf", "bm25")
AVERAGED = ("LCQMCPairs", "AFQMCPairs", "STSBzhPairs", "TNewsHeadlines", "THUCNewsTitles")
"""The general tasks without retrieval, which BM25 nearly saturates."""


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Task(_Read):
    """A column of the board."""

    name: str
    title: str
    role: Literal["in_domain", "held_out", "general"]
    metric: str


class Estimate(_Read):
    """A figure of the board."""

    value: float


class Cell(_Read):
    """A model's score on a task, in points."""

    score: Estimate | None = None
    metrics: dict[str, float] = {}

    @property
    def points(self) -> float | None:
        """The score; None where nothing was measured."""
        return None if self.score is None else self.score.value


class Model(_Read):
    """A row of the board."""

    name: str
    cells: dict[str, Cell]


class Board(_Read):
    """What of ``scores.json`` the table shows."""

    columns: tuple[Task, ...]
    rows: tuple[Model, ...]


def main() -> None:
    """Print the table of the board whose ``scores.json`` is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, help="scores.json of a board, as `tcmbench run` writes it")
    print(table(Board.model_validate_json(parser.parse_args().scores.read_text(encoding="utf-8"))))


def table(board: Board, *, rows: tuple[str, ...] = ROWS, averaged: tuple[str, ...] = AVERAGED) -> str:
    """Return a Markdown table: a task a line, a model a column, a dash where nothing was measured."""
    names = [name for name in rows if any(model.name == name for model in board.rows)]
    cells = {(model.name, task): cell for model in board.rows for task, cell in model.cells.items()}
    lines = [["task", "role", "metric", *names], ["---", "---", "---", *("---:" for _ in names)]]
    for task in board.columns:
        values = [_shown(cells[name, task.name].points) for name in names]
        lines.append([task.title, task.role.replace("_", " "), task.metric, *values])
        recalls = [_points(cells[name, task.name].metrics.get("recall_at_10")) for name in names]
        if task.name == "CMRC2018Retrieval" and any(value is not None for value in recalls):
            lines.append([task.title, task.role, "recall_at_10", *map(_shown, recalls)])
    averages = [_average([cells[name, task].points for task in averaged]) for name in names]
    lines.append(["average of the five general tasks without retrieval", "general", "", *map(_shown, averages)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _average(values: list[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if len(measured) == len(values) else None


def _points(value: float | None) -> float | None:
    """Return one of mteb's figures (0-1) in points."""
    return None if value is None else 100 * value


def _shown(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
