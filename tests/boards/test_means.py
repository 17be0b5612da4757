"""The mean over a role: over all its tasks or none, and never over fewer under the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.columns import mean_general, mean_held_out, mean_in_domain
from tcmbench.boards.html import to_html
from tcmbench.boards.options import Options

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table

COLUMNS = {"in_domain": mean_in_domain, "held_out": mean_held_out, "general": mean_general}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a board whose second, third and fourth variant lack the last general task."""
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=4, columns=8, items=30, seeds=1))
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def test_a_mean_is_over_all_tasks_of_its_role(table: Table) -> None:
    """On every row, the reference's too; where one task has no score there is none, and the cell names the task."""
    without = 0
    for row in table.rows:
        for role, column in COLUMNS.items():
            names = [column.name for column in table.columns if column.role == role]
            scores = [row.cells[name].score for name in names]
            held, figure = row.aggregates.means[role], column.figure(row)
            values = [score.value for score in scores if score is not None]
            if len(values) == len(names):
                assert (held.tasks, held.missing) == (len(names), ())
                assert held.value == pytest.approx(sum(values) / len(names))
                assert figure.text.en == f"{held.value:.1f}"
                continue
            without += 1
            assert (held.value, held.missing) == (None, (names[-1],))
            assert (figure.value, figure.text.en) == (None, "n/a")
            assert names[-1] in figure.note.en
    assert without == 3


def test_a_role_with_one_task_shows_no_mean_beside_it(tmp_path: Path) -> None:
    """It would be the same figure twice; the menu of columns still has it."""
    fake = make(tmp_path, Shape(variants=1, columns=4, items=20, seeds=1, broken=False))
    page = to_html(build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES)))
    heads = [part.partition(">")[0] for part in page.split('<th scope="col"')[1:]]
    means = {
        head.split('data-group="')[1].split('"')[0]: 'data-shown="1"' in head for head in heads if 'data-c="s' in head
    }
    assert (means["in_domain"], means["held_out"], means["general"]) == (False, False, True)
