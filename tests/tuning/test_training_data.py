"""Training data is known by what it says, and read only when something is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import tcm_sd
from tcmbench.tuning import training_data

if TYPE_CHECKING:
    import pytest

    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace


def test_data_that_was_hashed_once_is_not_read_again(
    place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has nothing to do parses no record."""
    first = training_data.find(place, variant)
    assert first.labels == {label for record in first.read().splits["train"] for label in record.labels}
    training_data._read.cache_clear()
    monkeypatch.delattr(tcm_sd, "read_folder")
    assert training_data.find(place, variant) == first


def test_the_order_of_records_is_no_other_data(place: Workspace, variant: Variant) -> None:
    """Other bytes that say the same give the same models; the folder is read again all the same."""
    before = training_data.find(place, variant)
    train = before.root / "train.jsonl"
    lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
    train.write_text("".join(reversed(lines)), encoding="utf-8")
    after = training_data.find(place, variant)
    assert after.sha256 == before.sha256
    assert after.files != before.files
    assert after.read().splits["train"][0] == before.read().splits["train"][-1]


def test_a_changed_record_is_other_data(place: Workspace, variant: Variant) -> None:
    """One record less gives another hash, and is not read from memory."""
    before = training_data.find(place, variant)
    assert len(before.read().splits["train"]) == 60
    train = before.root / "train.jsonl"
    train.write_text("".join(train.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    after = training_data.find(place, variant)
    assert after.sha256 != before.sha256
    assert len(after.read().splits["train"]) == 59
