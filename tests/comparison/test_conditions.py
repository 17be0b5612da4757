"""Cures that no general task measures are named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench.comparison import conditions
from tests.comparison.states import state, with_values

if TYPE_CHECKING:
    from tcmbench.comparison.measured import MeasuredSet


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with a variant, a cure that changes its ranking in domain alone, and one made from that."""
    plain = state(tmp_path_factory.mktemp("scores"))
    (variant,) = (model for model in plain.models if model.entry.kind == "variant")
    mapped = replace(variant, entry=replace(variant.entry, name="mapped", of=(variant.name,)))
    fused = replace(variant, entry=replace(variant.entry, name="fused", of=("mapped",)))
    made = replace(plain, models=(*plain.models, mapped, fused))
    for name, factor in {"mapped": 0.9, "fused": 0.8}.items():
        made = with_values(made, name, "InDomain0", lambda values, factor=factor: values * factor)
    return made


def test_a_cure_that_changes_no_general_value_is_named(measured: MeasuredSet) -> None:
    """With the row whose values it has, also through another such cure."""
    (variant,) = (model.name for model in measured.models if model.entry.kind == "variant" and not model.entry.of)
    assert conditions.unmeasured(measured) == {"mapped": variant, "fused": variant}
    (line,) = conditions.lines(measured)
    assert f"a pass says nothing about forgetting by them: mapped (as {variant}), fused (as {variant})" in line


def test_a_cure_that_changes_one_or_nothing_at_all_is_not(measured: MeasuredSet) -> None:
    """One general task that reads what it changed measures it; equal everywhere it is the same model."""
    (general, *_) = (column.column for column in measured.columns if column.role == "general")
    moved = with_values(measured, "mapped", general, lambda values: values[:, ::-1])
    assert conditions.unmeasured(moved) == {}
    same = with_values(measured, "mapped", "InDomain0", lambda values: values / 0.9)
    assert "mapped" not in conditions.unmeasured(same)
