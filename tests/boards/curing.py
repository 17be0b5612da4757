"""Scores that were never measured, for tests of cures: variants that gain and forget, and models made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.records.entry import Entry
from tcmbench.specs.model_set import ModelSet

from .fake import POLICIES, fake_suite, write_score

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table

COLUMNS = 4
"""One task in domain, one held out, two general ones."""


class Made(NamedTuple):
    """A model of a set."""

    name: str
    gain: float
    """Shift of the items of tasks in domain and held out."""

    loss: float
    """Shift of those of general tasks, downwards."""

    of: tuple[str, ...] = ()
    alpha: float | None = None
    seeds: int = 1


FORGETS = Made("tuned", 0.20, 0.16)
"""A variant that gains and forgets."""

HARMLESS = Made("careful", 0.12, -0.06)
"""One that gains and forgets nothing."""

CURES = (
    Made("merged-0.25", 0.13, -0.06, ("tuned",), 0.25),
    Made("merged-0.5", 0.20, -0.06, ("tuned",), 0.5),
    Made("merged-0.75", 0.20, 0.09, ("tuned",), 0.75),
)


def entries(root: Path, models: tuple[Made, ...], *, items: int = 300) -> list[Entry]:
    """Write the scores of a base and of models, and return the entries."""
    rng = np.random.default_rng(5)
    suite = fake_suite(COLUMNS)
    worlds = {task.column: (rng.random(items), rng.random(items)) for task in suite.tasks}

    def score(name: str, seed: int, made: Made | None):  # type: ignore[no-untyped-def]  # noqa: ANN202
        scores = {}
        for task in suite.tasks:
            quality, gold = worlds[task.column]
            shift = 0.0 if made is None else -made.loss if task.role == "general" else made.gain
            values = 0.35 * quality + 0.25 * gold + 0.15 + shift + 0.1 * (rng.random(items) - 0.5)
            if task.role == "general" and shift < 0:  # a correlation falls with noise, not with a shift
                values = values - 4 * shift * (rng.random(items) - 0.5)
            folder = root / name / str(seed) / task.task
            scores[task.column] = write_score(folder, model=f"{name}/{seed}", task=task, values=values, gold=gold)
        return scores

    found = [Entry(name="base", title="base", kind="base", scores={c: (s,) for c, s in score("base", 0, None).items()})]
    for made in models:
        of_seeds = [score(made.name, seed, made) for seed in range(made.seeds)]
        recipe = {"of": list(made.of), "cure": "merge", "options.alpha": made.alpha} if made.of else {"base": "base"}
        found.append(
            Entry(
                name=made.name,
                title=made.name,
                kind="variant",
                base="base",
                of=made.of,
                recipe=recipe,  # type: ignore[arg-type]
                scores={task.column: tuple(each[task.column] for each in of_seeds) for task in suite.tasks},
            )
        )
    return found


def table(root: Path, models: tuple[Made, ...], *, items: int = 300) -> Table:
    """Return the board of a base and models."""
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base",))
    found = entries(root, models, items=items)
    return build(model_set, fake_suite(COLUMNS), found, options=Options(policies=POLICIES))
