"""A model by the name that users give it: bases, variants, cures and forms with their seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.errors import StoreError, UnknownName
from tcmbench.runs import named
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import resolve
from tests.runs.test_cures import SET, trained, write

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

__all__ = ["trained"]


CURE = """
[[cure]]
name = "one-of-both"
of = "tuned"
cure = "merge"
options = { alpha = 0.5 }
seeds = "together"
"""

FORM = """
[[form]]
name = "small"
of = "one-of-both"
form = "vectors"
options = { precision = "int8" }
"""


def test_every_row_of_a_set_is_found(place: Workspace, trained: list[int]) -> None:
    """With its seed, or without one where it has only one; the set need not be named where it is the only one."""
    model_set = write(place, SET + CURE + FORM)
    with pytest.raises(StoreError, match=r"tuned: .* Run: tcmbench train tuned --set tiny"):
        named.find(place, "tuned/seed1")
    with pytest.raises(StoreError, match=r"one-of-both: .* Run: tcmbench train one-of-both --set tiny"):
        named.find(place, "one-of-both")
    (form,) = place.forms(model_set)
    treatment = resolve(place, form, model_set, tasks.plan_set(place, model_set))
    treat.make_with_inputs(place, treatment, seed=0, emit=lambda _: None)
    found = named.find(place, "tuned/seed1")
    assert (found.model.name, found.model.seed, found.row, found.set_name) == ("tuned/seed1", 1, "tuned", "tiny")
    assert found.model.revision != named.find(place, "tuned/seed0", set_name="tiny").model.revision
    assert named.find(place, "one-of-both").model.name == "one-of-both/seed0"
    assert named.find(place, "small").model.base.encoder == "stored_vectors"
    base = named.find(place, "mini-zh-static", set_name="tiny")
    assert (base.model.name, base.row, base.set_name) == ("mini-zh-static", "", "")


def test_names_that_mean_nothing_or_several_models(place: Workspace) -> None:
    """The message says what there is to choose from."""
    write(place, SET)
    with pytest.raises(UnknownName, match=r"tuned has one model per seed. Choose one: tuned/seed0, tuned/seed1"):
        named.find(place, "tuned")
    with pytest.raises(UnknownName, match="no seed named 'tuned/seed7'"):
        named.find(place, "tuned/seed7")
    with pytest.raises(UnknownName, match=r"set tiny: no model named 'tune'. Did you mean 'tuned'"):
        named.find(place, "tune", set_name="tiny")
    with pytest.raises(UnknownName, match="no model named 'nothing'"):
        named.find(place, "nothing")
    (place.root / "models/sets/other.toml").write_text(SET, encoding="utf-8")
    with pytest.raises(UnknownName, match=r"in the sets .*other.* Choose one: --set "):
        named.find(place, "tuned/seed0")


def test_a_folder_needs_no_set(place: Workspace) -> None:
    """As for `eval`."""
    folder = place.content[-1] / "models/mini-zh-static"
    found = named.find(place, str(folder))
    assert (found.model.model_dir, found.row, found.set_name) == (folder, "", "")
