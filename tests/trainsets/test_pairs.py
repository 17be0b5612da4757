"""Pairs of records of one text: what is right for it in one of them is right in all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from tcmbench.data.tcm_sd import Record
from tcmbench.specs.source import NegativesSpec
from tcmbench.trainsets.build import build
from tcmbench.trainsets.pairs import positives_of, queries_of
from tests.trainsets.recipes import recipe

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.base import Base
    from tcmbench.trainsets import Context


class _Judged(Record):
    """A record whose data gives a negative."""

    def known_negatives(self) -> tuple[str, ...]:
        """Return the negatives."""
        return ("血虚证", "气虚证")


def test_a_negative_of_the_data_that_is_a_positive_elsewhere_is_left_out() -> None:
    """Equal texts in two splits, spelt in two ways."""
    train = Record("1", "1", ("气虚证",), "乏力", "", "", "")
    dev = _Judged("1", "2", ("阴虚证",), "乏力 ", "", "", "")
    positives = positives_of([train, dev])
    queries = queries_of({"train": [train], "dev": [dev]}, positives)
    assert positives == ({"气虚证", "阴虚证"}, {"气虚证", "阴虚证"})
    assert (queries.ids, queries.positives) == (("train/1", "dev/1"), positives)
    assert queries.negatives == ((), ("血虚证",))


def test_what_is_right_for_a_text_in_one_record_is_wrong_for_it_in_none(
    base: Base, folder: Folder, context: Context
) -> None:
    """Two records of one text, spelt in two ways, with other labels: no negatives of each other, nor in one batch."""
    first, *rest = folder.splits["train"]
    other = next(record for record in rest if not {*record.labels} & {*first.labels})
    at = rest.index(other)
    rest[at] = replace(
        other,
        chief_complaint=f"{first.chief_complaint} ",
        history=first.history,
        examination=first.examination,
        disease=first.disease,
    )
    whole = replace(folder, splits={**folder.splits, "train": (first, *rest)})
    several = NegativesSpec(miner="bm25", options={"count": 16})
    made = build(recipe(negatives=several), base, whole, seed=0, context=context)
    rows = pq.read_table(made.rows).to_pylist()
    both = {first.record_id: {*first.labels}, other.record_id: {*other.labels}}
    union = set().union(*both.values())
    mine = [row for row in rows if row["record_id"] in both]
    assert mine
    assert not any(union & {*row["negatives"]} for row in mine)
    for start in range(0, len(rows), 4):
        block = {row["record_id"] for row in rows[start : start + 4]}
        assert not block >= both.keys()
