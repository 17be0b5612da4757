"""Files of a search: its data, and the recipe that is a variant."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from tcmbench.boards.publish import Result
from tcmbench.errors import SpecError
from tcmbench.records.entry import CellState, Entry
from tcmbench.searches import publish
from tcmbench.specs import toml
from tcmbench.specs.cure import Cure
from tcmbench.specs.variant import Variant
from tests.searches.simulated import run, simulated

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.space import SearchSpace
    from tcmbench.workspace import Workspace


def test_a_confirmed_recipe_becomes_a_variant(place: Workspace, space: SearchSpace) -> None:
    """The file says where it is from, and is read as what was confirmed; a file of a user's is not replaced."""
    with simulated():
        found = run(place, space.model_copy(update={"seeds": 2}))
    (path,) = publish.write_recipe(found)
    assert found.recipe is not None
    assert toml.read(Variant, path) == found.recipe.variant
    assert "# Gain in domain on the confirmation half: +" in path.read_text("utf-8")
    assert publish.write_recipe(found) == (path,)
    path.write_text('base = "mine"\ndata = "d"\n', encoding="utf-8")
    with pytest.raises(SpecError, match="another recipe of this name exists"):
        publish.write_recipe(found)
    assert path.read_text("utf-8").startswith('base = "mine"')


def test_a_cured_recipe_becomes_a_variant_and_the_cures_of_it(place: Workspace, space: SearchSpace) -> None:
    """All are written, and each cure names the file that it is made of."""
    cure = {"cure": "merge", "options": {"alpha": 0.75}, "then": {"cure": "merge", "options": {"alpha": 0.5}}}
    with simulated():
        found = run(place, space.model_copy(update={"cure": cure, "seeds": 2}))
    variant, first, second = publish.write_recipe(found)
    assert found.recipe is not None
    assert toml.read(Variant, variant) == found.recipe.variant
    assert (toml.read(Cure, first), toml.read(Cure, second)) == found.recipe.cures
    assert (variant.stem, first.stem, second.stem) == ("small-best-tuned", "small-best-cured", "small-best")
    assert found.outcome.row == "small-best"
    assert [*publish.recipe_files(found.outcome, found.recipe)] == ["recipe", "cure", "cure-2"]


def test_only_a_confirmed_recipe_is_written(place: Workspace, space: SearchSpace) -> None:
    """Whatever else was tried is on the board."""
    with simulated():
        found = run(place, space.model_copy(update={"policy": {"margin": 0.0}}))
    assert found.outcome.outcome == "none_passed" or found.recipe is not None
    with mock.patch.object(type(found.outcome), "outcome", "unconfirmed"), pytest.raises(SpecError, match="confirmed"):
        publish.write_recipe(found)


def test_the_data_begins_with_the_answer(place: Workspace, space: SearchSpace) -> None:
    """Outcome and difference of the halves are there beside all trials."""
    with simulated():
        found = run(place, space)
    data = publish.as_json(found.outcome)
    assert list(data)[:3] == ["format", "outcome", "selected_minus_confirmed"]
    assert data["outcome"] == "confirmed"
    assert isinstance(data["trials"], list)
    assert len(data["trials"]) == 14


@pytest.mark.parametrize("public", [False, True])
def test_a_public_search_quotes_nothing(place: Workspace, space: SearchSpace, tmp_path: Path, public: bool) -> None:
    """A trial without scores has no row, and no reason that may name a record; it still counts as tried."""
    with simulated():
        searched = run(place, space)
    first, second, *others = searched.outcome.trials
    assert searched.outcome.winner not in {first.number, second.number}
    failed = replace(first, state="failed", reason="records.jsonl:3: 咳嗽")
    stopped = replace(second, state="stopped", reason="the probe's mean change is low")
    searched = replace(searched, outcome=replace(searched.outcome, trials=(failed, stopped, *others)))
    written: dict[str, Any] = {}

    def board(place: Workspace, model_set: ModelSet, *_: object, **options: Any) -> Result:
        written.update(options, rows=[variant.name for variant in place.variants(model_set)])
        return Result((), (tmp_path / "index.html",), ())

    with mock.patch("tcmbench.boards.publish.write_board", board):
        publish.write(searched, public=public, target=tmp_path / "out")
    text = (tmp_path / "out/search.json").read_text("utf-8")
    assert written["public"] == public
    assert written["target"] == tmp_path / "out"
    assert ({failed.name, stopped.name} & {*written["rows"]} == set()) == public
    assert ("records.jsonl" not in text) == public
    assert "the probe's mean change" in text
    assert len(json.loads(text)["trials"]) == 14


def test_cells_of_a_stopped_trial_say_so() -> None:
    """They are no absent data, so a later board may replace them, and one with scores."""
    entry = Entry("t", "t", "variant", states={"Tiny": CellState("pending")})
    state = publish._stopped(entry).states["Tiny"]
    assert (state.state, str(state.reason)) == ("pending", "the search stopped this trial after its probe")
