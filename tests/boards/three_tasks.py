"""A board of three tasks, one per role, whose scores are made up: the base's items, shifted by role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.records.entry import Entry
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import Suite, SuiteTask

from .fake import POLICIES, write_score

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.records.score import Score

ITEMS = 200
TASKS = (
    SuiteTask(task="InDomain0", role="in_domain"),
    SuiteTask(task="HeldOut1", role="held_out"),
    SuiteTask(task="General2", role="general"),
)
SUITE = Suite(name="three", tasks=TASKS)
SET = ModelSet(name="tiny", suite="three", reference="base", models=("base",))
OPTIONS = Options(policies=POLICIES)


def scores(root: Path, model: str, shifts: Mapping[str, float], *, noise: float = 0.02) -> dict[str, tuple[Score, ...]]:
    """Write one model's scores: the base's items, shifted by role."""
    rng = np.random.default_rng(7)
    world = {task.column: rng.random(ITEMS) * 0.6 + 0.2 for task in TASKS}
    own = np.random.default_rng(len(model))
    return {
        task.column: (
            write_score(
                root / model / task.task,
                model=model,
                task=task,
                values=world[task.column] + shifts.get(task.role, 0.0) + noise * (own.random(ITEMS) - 0.5),
                gold=world[task.column],
            ),
        )
        for task in TASKS
    }


def entry(root: Path, name: str, *, kind: str = "variant", noise: float = 0.02, **shifts: float) -> Entry:
    """Return an entry whose roles are shifted against the base's."""
    return Entry(name=name, title=name, kind=kind, scores=scores(root, name, shifts, noise=noise))  # type: ignore[arg-type]


def table(root: Path, *entries: Entry) -> Table:
    """Return the table of the base and some entries."""
    return build(SET, SUITE, [entry(root, "base", kind="base"), *entries], options=OPTIONS)


def scored(root: Path, name: str, kind: str, **shifts: float) -> Entry:
    """Return an entry of any kind."""
    return entry(root, name, kind=kind, **shifts)
