"""Location of the data of a spec; synthetic data is generated where it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data import reading

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

SYNTHETIC = "synthetic/"
"""Data paths with this prefix are generated on demand instead of looked up under the data root."""


def locate(workspace: Workspace, path: str) -> Path:
    """Return the folder or file of a data path; synthetic data is generated first where it is missing.

    Raises:
        DataError: The path is not valid in this file system.
    """
    if not path.startswith(SYNTHETIC):
        reading.exists(workspace.data_root / path)
        return workspace.data_root / path
    from tcmbench.data.synthetic import demo_root

    return demo_root(workspace.store) / path.removeprefix(SYNTHETIC)
