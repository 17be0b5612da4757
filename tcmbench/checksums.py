"""The sha256 of files and folders, which identifies artefacts, weights and data."""

from __future__ import annotations

import functools
import hashlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_CHUNK = 1 << 20
_SETTLED_SECONDS = 5.0


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def settled_sha256(path: Path) -> str:
    """Return the same, computed once per process while inode, size and time of the file are unchanged."""
    status = path.stat()
    if time.time() - status.st_mtime < _SETTLED_SECONDS:
        # A second write could leave size and time unchanged: clocks of file systems tick in milliseconds.
        return file_sha256(path)
    return _settled_sha256(path, status.st_ino, status.st_size, status.st_mtime_ns)


def tree_sha256(paths: Iterable[Path], *, root: Path) -> str:
    """Return the sha256 over the names (relative to `root`) and bytes of files, in name order."""
    return names_sha256({path: file_sha256(path) for path in paths}, root=root)


def names_sha256(hashes: Mapping[Path, str], *, root: Path) -> str:
    """Return the same of files whose hashes are known."""
    digest = hashlib.sha256()
    for path in sorted(hashes, key=lambda p: p.relative_to(root).as_posix()):
        # A file system may hold names that are not UTF-8; Python shows their bytes as surrogates.
        digest.update(f"{path.relative_to(root).as_posix()}\0{hashes[path]}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


@functools.lru_cache(maxsize=1 << 16)
def _settled_sha256(path: Path, inode: int, size: int, changed: int) -> str:
    del inode, size, changed
    return file_sha256(path)
