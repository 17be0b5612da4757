"""Checks whether generated data may be written to a folder: only files that it generated are ever replaced.

It is outside of `synthetic`, whose files are part of the key of the demo's data.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.checksums import file_sha256
from tcmbench.data import synthetic
from tcmbench.errors import DataError
from tcmbench.store import is_free

if TYPE_CHECKING:
    from collections.abc import Callable

_MADE_FROM = re.compile(r"`tcmbench data synth` \((?:records (\d+), )?seed (-?\d+)\)")


def require_own(folder: Path) -> None:
    """Check that a folder for TCM-SD data is new, empty, or the unchanged output of an earlier `synth`.

    Raises:
        DataError: It contains other files, or changed ones.
    """
    _require(folder, lambda fresh, records, seed: synthetic.write_tcm_sd(fresh, records=records, seed=seed))


def require_own_root(root: Path) -> None:
    """Check that the folders of generated data in a data root contain nothing else; other folders are ignored.

    Raises:
        DataError: One of them contains other files, or changed ones, or the root is a file.
    """
    require_own(root / "tcm-synth")
    _require(root / "general-synth", lambda fresh, _, seed: synthetic.write_general(fresh, seed=seed))


def _require(folder: Path, write: Callable[[Path, int, int], None]) -> None:
    if not is_free(folder) and not _is_own(folder, write):
        raise DataError(
            f"{folder}: expected a new or empty folder, or the unchanged output of `tcmbench data synth`; got files "
            "that this version did not write. Choose another folder, or move them away."
        )


def _is_own(folder: Path, write: Callable[[Path, int, int], None]) -> bool:
    """Return whether the files are, byte for byte, the output for the arguments in the README."""
    readme = folder / "README.md"
    made = _MADE_FROM.search(readme.read_text(encoding="utf-8", errors="replace")) if readme.is_file() else None
    if made is None:
        return False
    with tempfile.TemporaryDirectory() as fresh:
        write(Path(fresh), int(made[1] or 0), int(made[2]))
        return _hashes(folder) == _hashes(Path(fresh))


def _hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_sha256(path) for path in folder.rglob("*") if path.is_file()}
