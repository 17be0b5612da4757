"""A small workspace that really was measured, one for each file of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli import gate

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> Workspace:
    """A measured workspace with a set of a base and what a few steps of learning made of it."""
    place = gate.make(tmp_path_factory.mktemp("gate"), passages=synthetic_root / "general-synth/qa-retrieval")
    gate.measure(place)
    return place
