"""Training data is known by what it says, and read only when something is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data import tcm_sd
from tcmbench.errors import DataAbsent, SpecError
from tcmbench.specs.variant import AugmentationSpec
from tcmbench.tuning import training_data
from tcmbench.tuning.recipe import parts_of
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace


def test_data_that_was_hashed_once_is_not_read_again(
    place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has nothing to do parses no record."""
    first = parts_of(place, variant)[0].data
    assert first.labels == {label for record in first.read().splits["train"] for label in record.labels}
    training_data._read.cache_clear()
    monkeypatch.delattr(tcm_sd, "read_folder")
    assert parts_of(place, variant)[0].data == first


def test_another_format_is_no_other_data_but_another_order_is(place: Workspace, variant: Variant) -> None:
    """Draws go by the order of the records, so models do; how the file is written decides nothing."""
    before = parts_of(place, variant)[0].data
    last = before.read().splits["train"][-1]
    train = before.root / "train.jsonl"
    lines = train.read_text(encoding="utf-8").splitlines()
    train.write_text("\n".join(f" {line} " for line in lines) + "\n\n", encoding="utf-8")
    respelt = parts_of(place, variant)[0].data
    assert respelt.files != before.files
    assert respelt.sha256 == before.sha256
    train.write_text("\n".join(reversed(lines)) + "\n", encoding="utf-8")
    turned = parts_of(place, variant)[0].data
    assert turned.sha256 != before.sha256
    assert turned.read().splits["train"][0] == last


def test_a_changed_record_is_other_data(place: Workspace, variant: Variant) -> None:
    """One record less gives another hash, and is not read from memory."""
    before = parts_of(place, variant)[0].data
    assert len(before.read().splits["train"]) == 60
    train = before.root / "train.jsonl"
    train.write_text("".join(train.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    after = parts_of(place, variant)[0].data
    assert after.sha256 != before.sha256
    assert len(after.read().splits["train"]) == 59


def test_a_table_of_pairs_is_training_data(place: Workspace, variant: Variant) -> None:
    """Its columns are part of what it is known by; it has no syndromes; an augmentation of fields is refused."""
    rows: list[dict[str, object]] = [{"query": "头痛", "positive": "风寒", "other": "气虚"}]
    path = write_table(place.data_root / "pairs.csv.gz", rows)
    table = variant.model_copy(update={"data": path.name, "augmentation": None})
    other = table.model_copy(update={"columns": {"positive": "other"}})
    one, two = parts_of(place, table)[0].data, parts_of(place, other)[0].data
    assert [record.query() for record in one.read().splits["train"]] == ["头痛"]
    assert [document.document() for document in two.read().knowledge] == ["气虚"]
    assert one.sha256 != two.sha256
    assert one.labels == frozenset()
    with pytest.raises(SpecError, match="the documents of a table have none"):
        parts_of(place, table.model_copy(update={"augmentation": AugmentationSpec(name="field_permutations")}))
    with pytest.raises(DataAbsent, match=r"Training data of variant .* is missing: .*absent\.csv\. Looked in"):
        parts_of(place, table.model_copy(update={"data": "absent.csv"}))
