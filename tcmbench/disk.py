"""The operating system's errors of reading and writing, with folder, free space and remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_OF_THE_DEVICE = _NO_ROOM | {errno.EFBIG, errno.EROFS, errno.EIO}
"""Errors that occur during a write, without the name of a file."""

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the operating system's errors of writing to a path, or beside it, into an error with a remedy.

    Raises:
        StorageError: No space, no permission, a file system or file that isn't writable.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DEVICE or error.filename is None or _is_beside(error.filename, path):
            raise refusal(error, path, expected="a location where a file can be written") from error
        raise


def refusal(error: OSError, path: Path | None = None, *, expected: str = "a path that can be used") -> StorageError:
    """Return the StorageError for an error of the operating system.

    Args:
        error: The error.
        path: What was being written or read, where the error doesn't name it.
        expected: What the path should have been.
    """
    if path is None and error.filename is not None:
        path = Path(os.fsdecode(error.filename))
    reason = error.strerror or str(error) or type(error).__name__
    at = f" ({os.fsdecode(error.filename)})" if error.filename is not None and path != Path(error.filename) else ""
    start = f"{path}: " if path is not None else ""
    free = f"; {room(path)}" if path is not None and error.errno in _OF_THE_DEVICE else ""
    if error.errno in _NO_ROOM:
        kept = " Nothing was left half-written." if path is not None else ""
        return StorageError(
            f"{start}expected free space to write, but: {reason}{at}{free}.{kept} Free some, or choose another "
            "folder (the store is $TCMBENCH_CACHE), and run again."
        )
    if error.errno == errno.EFBIG:
        return StorageError(
            f"{start}expected that a file of this size can be written, but: {reason}{at}{free}. Raise the limit of the "
            "process (ulimit -f), or choose a file system that takes larger files."
        )
    return StorageError(
        f"{start}expected {expected}, but: {reason}{at}{_owner(path)}. Choose another path "
        "(the store is $TCMBENCH_CACHE), or change its permissions."
    )


def is_refusal(error: OSError) -> bool:
    """Return whether an error is one of the operating system's own, as libraries raise OSError, too."""
    return error.errno is not None


def room(path: Path) -> str:
    """Return the free space where a path is or would be, in words."""
    folder = path.absolute()
    while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112 - Path.is_dir raises for long names
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return f"the file system of {folder} doesn't report its free space"
    unit, name = next((pair for pair in _UNITS if free >= pair[0]), (1, "bytes"))
    return f"{free / unit:.{0 if unit == 1 else 1}f} {name} are free in {folder}"


def _is_beside(name: str | bytes | int, path: Path) -> bool:
    return not isinstance(name, int) and Path(os.fsdecode(name)).is_relative_to(path.parent)


def _owner(path: Path | None) -> str:
    """Return the owner of the nearest folder, where it is another user; empty otherwise."""
    if path is None or not hasattr(os, "geteuid"):
        return ""
    with contextlib.suppress(OSError):
        folder = next(parent for parent in (path, *path.parents) if os.path.exists(parent))  # noqa: PTH110 - as above
        owner = folder.stat().st_uid
        if owner != os.geteuid():
            return f"; {folder} belongs to user {owner}, this process is user {os.geteuid()}"
    return ""
