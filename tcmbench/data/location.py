"""Location of the data of a spec; synthetic data is generated where it is missing.

Data may be in several roots. A folder or file comes from one of them as a whole, the nearest that has it, so that no
task is a mixture of two copies.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from tcmbench.checksums import tree_sha256
from tcmbench.data import reading

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

logger = logging.getLogger(__name__)

SYNTHETIC = "synthetic/"
"""Data paths with this prefix are generated on demand instead of looked up under the data roots."""


def locate(workspace: Workspace, path: str) -> Path:
    """Return the folder or file of a data path, in the nearest root that has it; the nearest of all where none has.

    Synthetic data is generated first where it is missing. A warning is logged, once a process, where a further root
    has other content under the same path.

    Raises:
        DataError: The path is not valid in this file system.
    """
    if path.startswith(SYNTHETIC):
        from tcmbench.data.synthetic import demo_root

        return demo_root(workspace.store) / path.removeprefix(SYNTHETIC)
    places = dict.fromkeys(root / path for root in workspace.data_roots)
    existing = [place for place in places if reading.exists(place)]
    if len(existing) > 1:
        _compare(tuple(existing))
    return existing[0] if existing else workspace.data_root / path


def looked_in(workspace: Workspace) -> str:
    """Return where data was looked for, as a sentence."""
    return f"Looked in {', '.join(map(str, workspace.data_roots))}."


@functools.cache
def _compare(places: tuple[Path, ...]) -> None:
    """Warn about further places whose content differs from that of the nearest, which is used."""
    nearest = _content(places[0])
    for place in places[1:]:
        if place.resolve() != places[0].resolve() and _content(place) != nearest:
            logger.warning("%s is used; %s has other content and is ignored, as it is further away.", places[0], place)


def _content(path: Path) -> str:
    with reading.refusals(path):
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        return tree_sha256(files, root=path if path.is_dir() else path.parent)
