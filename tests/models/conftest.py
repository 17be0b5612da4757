"""A workspace with nothing but the bundled content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.workspace import find

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """An empty folder: nothing but the bundled content."""
    (tmp_path / "empty").mkdir()
    return find(tmp_path / "empty", cache=tmp_path / "store")
