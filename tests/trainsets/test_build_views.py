"""Views of an augmentation: entries that are the same text in one are copies there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tcmbench.errors import SpecError
from tcmbench.specs.source import NegativesSpec
from tcmbench.specs.variant import AugmentationSpec
from tcmbench.trainsets.build import build
from tests.trainsets.recipes import lines, recipe, texts

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.base import Base
    from tcmbench.trainsets import Context


def with_entry(folder: Folder, position: int, **fields: str) -> Folder:
    """Return the folder with other fields in one entry of the knowledge base."""
    knowledge = list(folder.knowledge)
    knowledge[position] = replace(knowledge[position], **fields)
    return replace(folder, knowledge=tuple(knowledge))


def renamed(folder: Folder) -> Folder:
    """Return the folder with s12 a second name of s0."""
    first = folder.knowledge[0]
    return with_entry(
        folder, 12, definition=first.definition, manifestations=first.manifestations, diseases=first.diseases
    )


def test_a_second_name_of_the_positive_is_no_negative_in_views_without_names(
    base: Base, folder: Folder, context: Context
) -> None:
    """Without its name such an entry is the positive's own text."""
    changed = renamed(folder)
    twins = {changed.knowledge[0].doc_id, changed.knowledge[12].doc_id}
    every = NegativesSpec(miner="random", options={"count": 27})
    variant = recipe(negatives=every, augmentation=AugmentationSpec(name="field_combinations"), max_samples=200)
    made = build(variant, base, changed, seed=1, context=context)
    rows = pq.read_table(made.rows).to_pylist()
    assert any(row["positive"] in twins for row in rows)
    for row, line in zip(rows, lines(made.train), strict=True):
        assert not (row["positive"] in twins and twins & set(row["negatives"]))
        assert texts(line["positive_messages"])[0] not in texts(line["negative_messages"])


def test_entries_that_share_a_view_never_meet_in_a_batch(base: Base, folder: Folder, context: Context) -> None:
    """Both names of a syndrome in one batch would push one text away from itself."""
    changed = renamed(folder)
    second = changed.knowledge[12].doc_id
    train = tuple(
        replace(record, labels=(second,)) if number % 3 == 0 else record
        for number, record in enumerate(changed.splits["train"])
    )
    changed = replace(changed, splits={**changed.splits, "train": train})
    variant = recipe(augmentation=AugmentationSpec(name="field_combinations"), max_samples=200)
    made = build(variant, base, changed, seed=1, context=context)
    positives = [texts(line["positive_messages"])[0] for line in lines(made.train)]
    for block in (positives[start : start + 4] for start in range(0, len(positives), 4)):
        assert len(block) == len(set(block))


@pytest.mark.parametrize("name", ["field_permutations", "zone_permutations"])
def test_all_documents_of_a_line_stand_in_its_view(base: Base, folder: Folder, context: Context, name: str) -> None:
    """A negative that lacks the view would be known by its form: such lines stand plain, and so do all beside it."""
    changed = with_entry(folder, 20, manifestations="")
    augmentation = AugmentationSpec(name=name, options={"missing": "exclude"})
    variant = recipe(negatives=NegativesSpec(miner="random", options={"count": 8}), augmentation=augmentation)
    made = build(variant, base, changed, seed=1, context=context)
    rows = pq.read_table(made.rows).to_pylist()
    lacking = changed.knowledge[20].doc_id
    plain = [row for row in rows if lacking in row["negatives"]]
    assert plain
    assert {row["view"] for row in plain} == {-1}
    assert {row["view"] for row in rows} > {-1}


def test_an_augmentation_without_any_view_is_refused(base: Base, folder: Folder, context: Context) -> None:
    """Training on plain documents under the name of an augmentation would be no comparison."""
    knowledge = tuple(replace(syndrome, diseases="") for syndrome in folder.knowledge)
    variant = recipe(augmentation=AugmentationSpec(name="field_permutations", options={"missing": "exclude"}))
    with pytest.raises(SpecError, match=r"field_permutations gives no view of any positive.*Name the fields"):
        build(variant, base, replace(folder, knowledge=knowledge), seed=1, context=context)


def test_another_order_of_the_records_is_another_set(base: Base, folder: Folder, context: Context) -> None:
    """Draws and samples go by the order of the data, so the key does too."""
    turned = replace(folder, splits={**folder.splits, "train": folder.splits["train"][::-1]})
    first, second = (build(recipe(), base, each, seed=1, context=context) for each in (folder, turned))
    assert first.key != second.key
