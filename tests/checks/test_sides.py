"""The sides of a comparison: a variant is all its seeds, `variant/seed1` is one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.checks import sides
from tcmbench.comparison import pairs
from tcmbench.comparison.trainings import NO_TRAININGS
from tcmbench.errors import NotComparable, UnknownName
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.workspace import find
from tests.comparison.states import state

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.entry import Entry
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace

NAME = "random-full-00"


@pytest.fixture
def place(tmp_path: Path, workspace_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose set has one variant of three seeds, with scores that were never measured."""
    known = state(tmp_path / "scores", seeds=3, columns=3)
    entry = next(model.entry for model in known.models if model.name == NAME)
    (workspace_dir / "tasks/suites/fake.toml").write_text('[[tasks]]\ntask = "X"\nrole = "general"\n', "utf-8")
    (workspace_dir / "models/sets/fake.toml").write_text(
        f'suite = "fake"\nreference = "tfidf"\nmodels = ["tfidf"]\nvariants = ["{NAME}"]\n', "utf-8"
    )
    (workspace_dir / f"models/variants/{NAME}.toml").write_text(
        'base = "mini-zh"\ndata = "x"\ntuner = "full"\nseeds = [0, 1, 2]\n', "utf-8"
    )

    def stored(workspace: Workspace, variant: Variant, planned: PlannedSuite, **_: object) -> Entry:
        scores = {c: tuple(found[seed] for seed in variant.seeds) for c, found in entry.scores.items()}
        return replace(entry, scores=scores)

    monkeypatch.setattr(sides.gather, "stored_variant", stored)
    monkeypatch.setattr(sides.tasks, "plan_suite", lambda *_: PlannedSuite(known.suite, {}))
    return find(workspace_dir, cache=tmp_path / "store")


def test_a_seed_is_a_side_of_its_own(place: Workspace) -> None:
    """The seeds of a variant differ, and their mean is the variant."""
    pair = sides.read(place, f"{NAME}/seed0", f"{NAME}/seed2", set_name=None)
    whole = sides.read(place, NAME, f"{NAME}/seed1", set_name="fake")
    column = "InDomain0"
    rows = [pair.before.items[column].values, whole.after.items[column].values, pair.after.items[column].values]
    assert [row.shape[0] for row in rows] == [1, 1, 1]
    assert (whole.before.items[column].values == [row[0] for row in rows]).all()
    found = pairs.compare(pair, only=[column]).columns[column]
    assert found.verdict.delta.value == pytest.approx(float((rows[2] - rows[0]).mean()))
    labels = sum(label.items * label.delta for label in found.labels) / found.verdict.n
    assert labels == pytest.approx(found.verdict.delta.value)


def test_the_noise_of_training_is_of_the_same_checkpoints(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is pooled over the models that the set has: of a variant whose checkpoint the gate chooses, the chosen one."""
    read, sets = sides.gather.stored_variant, []

    def stored(*given: Any, model_set: ModelSet | None = None) -> Entry:
        sets.append(model_set and model_set.name)
        return read(*given, model_set=model_set)

    monkeypatch.setattr(sides.gather, "stored_variant", stored)
    assert sides.read(place, f"{NAME}/seed0", NAME, set_name="fake").trainings != NO_TRAININGS
    assert sets == ["fake"] * 3, "two sides, and the trainings of the only variant"


def test_a_seed_that_the_variant_doesn_t_have_is_unknown(place: Workspace) -> None:
    """The message lists those that it has."""
    with pytest.raises(UnknownName, match=rf"{NAME}/seed0.*Known: {NAME}/seed0, {NAME}/seed1, {NAME}/seed2"):
        sides.read(place, NAME, f"{NAME}/seed7", set_name="fake")


def test_other_items_are_not_compared(place: Workspace) -> None:
    """Pairs need the same items."""
    pair = sides.read(place, f"{NAME}/seed0", f"{NAME}/seed2", set_name="fake")
    items = dict(pair.after.items)
    items["InDomain0"] = replace(items["InDomain0"], ids=items["InDomain0"].ids[::-1])
    with pytest.raises(NotComparable, match="measured on different items"):
        pairs.compare(replace(pair, after=replace(pair.after, items=items)))
