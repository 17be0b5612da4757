"""Training records that stand in a task of the suite are found once, by id, and left out where a variant says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import tcm_sd
from tcmbench.evaluation import run, run_set
from tcmbench.specs.suite import Suite
from tcmbench.tuning import leaks, training_data

if TYPE_CHECKING:
    import pytest

    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace


def _plant(place: Workspace) -> str:
    """Copy a test record into the train split and return its id."""
    folder = place.data_path("tcm-synth")
    line = (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()[0]
    with (folder / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    (record,) = tcm_sd.read_folder(folder, splits=["test"]).splits["test"][:1]
    return record.record_id


def test_a_planted_copy_is_found_and_dropped(place: Workspace, variant: Variant) -> None:
    """The copy is named by its id; drop_leaks leaves it out of the recipe and says how many were dropped."""
    planted = _plant(place)
    planned = run.plan(place, place.spec(Suite, "tiny"))
    found = leaks.find(place, training_data.find(place, variant), planned)
    assert found.records == {planted}
    assert "leak into Tiny" in found.summary
    kept = run_set.recipe_of(place, variant, planned)
    assert kept.drop == frozenset()
    dropped = run_set.recipe_of(place, variant.model_copy(update={"drop_leaks": True}), planned)
    assert dropped.drop == found.records
    assert dropped.leaks == f"{found.summary}; {len(found.records)} dropped"


def test_leaks_are_looked_for_once(place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look takes the report from the store."""
    planned = run.plan(place, place.spec(Suite, "tiny"))
    data = training_data.find(place, variant)
    first = leaks.find(place, data, planned)
    monkeypatch.delattr(leaks, "report")
    assert leaks.find(place, data, planned) == first


def test_other_tasks_are_looked_into_anew(place: Workspace, variant: Variant) -> None:
    """A changed test split gives another answer, not the stored one."""
    data = training_data.find(place, variant)
    before = leaks.find(place, data, run.plan(place, place.spec(Suite, "tiny")))
    folder = place.data_path("tcm-synth")
    train = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    with (folder / "test.jsonl").open("a", encoding="utf-8") as file:
        file.write(train[0])
    data = training_data.find(place, variant)
    after = leaks.find(place, data, run.plan(place, place.spec(Suite, "tiny")))
    assert len(after.records) > len(before.records)
