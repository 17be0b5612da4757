"""Items of scores: one order for all models of a column, and what they have in common held once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from tcmbench.records.items import Reader
from tcmbench.specs.suite import SuiteTask
from tests.boards.fake import write_score

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.score import Score

TASK = SuiteTask(task="InDomain0", role="in_domain")


@pytest.fixture
def scores(tmp_path: Path) -> list[Score]:
    """Return the scores of three models; the table of the last one holds its rows the other way round."""
    random = np.random.default_rng(3)
    written = [
        write_score(tmp_path / name, model=name, task=TASK, values=random.random(30), gold=random.random(30))
        for name in ("a", "b", "turned")
    ]
    path = written[2].folder / "items.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(np.arange(len(table))[::-1].copy()), path)
    return written


def test_models_share_what_they_have_in_common(scores: list[Score]) -> None:
    """Ids, patients and labels of a column are the same objects for every model, and so is each document's name."""
    reader = Reader()
    first, second = (reader.read([score]) for score in scores[:2])
    assert (first.ids is second.ids, first.clusters is second.clusters, first.groups is second.groups) == (True,) * 3
    names = first.top1[0] + second.top1[0]
    assert len({id(name) for name in names}) == len(set(names))


def test_the_order_of_a_table_changes_nothing(scores: list[Score]) -> None:
    """Items stand in the order of their ids, whatever was read before and however their table is sorted."""
    reader = Reader()
    for score in (scores[0], scores[2], scores[0]):
        alone, after_others = Reader().read([score]), reader.read([score])
        assert replace(alone, values=0, gold=None) == replace(after_others, values=0, gold=None)  # type: ignore[arg-type]
        np.testing.assert_array_equal(alone.values, after_others.values)
        assert list(alone.ids) == sorted(alone.ids)
    assert Reader().read(scores).values.shape == (3, 30)
