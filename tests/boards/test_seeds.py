"""A variant's seeds on the board: their mean, an interval over items and trainings, and a word where there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.boards import render
from tcmbench.boards.build import build
from tcmbench.boards.columns import seeds
from tcmbench.boards.options import Options
from tcmbench.records.entry import Entry
from tcmbench.specs.model_set import ModelSet
from tests.boards.fake import POLICIES, fake_suite, write_score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.boards.table import Table

SUITE = fake_suite(4)
SET = ModelSet(name="fake", suite="fake", reference="base", models=("base",), variants=("tuned",))
ITEMS = 100


def table(root: Path, shifts: Sequence[float]) -> Table:
    """Return the board of a base and a variant whose trainings came out this much better."""
    quality = np.random.default_rng(4).random(ITEMS)

    def score(model: str, shift: float) -> dict[str, object]:
        return {
            task.column: write_score(
                root / model / task.task, model=model, task=task, values=0.2 + 0.4 * quality + shift, gold=quality
            )
            for task in SUITE.tasks
        }

    trained = [score(f"tuned/seed{number}", shift) for number, shift in enumerate(shifts)]
    base = Entry(name="base", title="base", kind="base", scores={c: (s,) for c, s in score("base", 0.0).items()})
    tuned = Entry(
        name="tuned",
        title="tuned",
        kind="variant",
        base="base",
        scores={task.column: tuple(one[task.column] for one in trained) for task in SUITE.tasks},
    )
    return build(SET, SUITE, [base, tuned], options=Options(policies=POLICIES))


def width(of: Table) -> float:
    """Return the width of the variant's interval of the first column's difference."""
    delta = of.row("tuned").cells[of.columns[0].name].delta
    assert delta is not None
    assert delta.low is not None
    assert delta.high is not None
    return delta.high - delta.low


def tags(of: Table, folder: Path) -> str:
    """Return the note next to the variant's name on the page, in English."""
    render.write(of, folder)
    rows = re.findall(r"class=tags>(.*?)</span></th>", (folder / "index.html").read_text("utf-8"))
    shown = next(row for row in rows if "variant" in row)
    without_chinese = re.sub(r"<span lang=zh-Hans>.*?</span>", "", shown.replace("Pareto", ""))
    return re.sub(r"<[^>]+>", "", without_chinese)


def test_a_cell_is_the_mean_over_seeds_and_its_interval_holds_both_noises(tmp_path: Path) -> None:
    """Trainings that differ widen the interval; equal ones leave that of the items."""
    differing, equal = table(tmp_path / "a", (0.0, 0.2, 0.4)), table(tmp_path / "b", (0.2, 0.2, 0.2))
    row = differing.row("tuned")
    for column in differing.columns:
        cell = row.cells[column.name]
        assert cell.score is not None
        assert cell.score.value == pytest.approx(sum(cell.seed_values) / 3)
        assert len(set(cell.seed_values)) == 3 or column.metric == "cosine_spearman"
    assert width(differing) > 1.5 * width(equal) > 0
    assert (row.seeds, seeds.figure(row).text.en, seeds.figure(row).note.en) == (3, "3", "")


def test_a_single_seed_says_so(tmp_path: Path) -> None:
    """In the column's note and beside the name on the page: its interval covers the items only."""
    found = table(tmp_path / "scores", (0.1,))
    figure = seeds.figure(found.row("tuned"))
    assert (figure.text.en, figure.note.en, figure.note.zh) == ("1", "single seed", "单一种子")
    assert tags(found, tmp_path / "one") == "variantsingle seed"
    assert tags(table(tmp_path / "more", (0.1, 0.2)), tmp_path / "two") == "variant2 seeds"
