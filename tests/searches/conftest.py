"""A workspace with a space of recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.specs import toml
from tcmbench.specs.space import SearchSpace
from tests.searches.simulated import SPACE
from tests.tuning.conftest import place

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

__all__ = ["place", "space"]


@pytest.fixture
def space(place: Workspace) -> SearchSpace:
    """A space whose recipes can be simulated."""
    path = place.root / "models/spaces/small.toml"
    path.parent.mkdir()
    path.write_text(SPACE, encoding="utf-8")
    return toml.read(SearchSpace, path)
