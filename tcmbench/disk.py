"""What the operating system refuses to write or read, as an error that names folder, free space and remedy."""

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
"""Refusals that come while something is written, without the name of a file."""

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write to a path, or beside it, into an error that says what to do.

    Raises:
        StorageError: No room, no permission, a file system or file that can't be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DEVICE or error.filename is None or _is_beside(error.filename, path):
            raise refusal(error, path, expected="a place where a file can be written") from error
        raise


def refusal(error: OSError, path: Path | None = None, *, expected: str = "a path that can be used") -> StorageError:
    """Return what to say of an error of the operating system.

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
            f"{start}expected room to write, but: {reason}{at}{free}.{kept} Make room, or choose another folder (the "
            "store is $TCMBENCH_CACHE), and run again."
        )
    if error.errno == errno.EFBIG:
        return StorageError(
            f"{start}expected that a file of this size can be written, but: {reason}{at}{free}. Raise the limit of the "
            "process (ulimit -f), or choose a file system that takes larger files."
        )
    return StorageError(
        f"{start}expected {expected}, but: {reason}{at}{_owner(path)}. Choose another path "
        "(the store is $TCMBENCH_CACHE), or give yourself the right to it."
    )


def is_refusal(error: OSError) -> bool:
    """Return whether an error is one of the operating system's own: libraries raise OSError for what they please."""
    return error.errno is not None


def room(path: Path) -> str:
    """Return how much room there is where a path is or would be, in words."""
    folder = path.absolute()
    while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112 - Path.is_dir raises for long names
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return f"the file system of {folder} doesn't say how much room it has"
    unit, name = next((pair for pair in _UNITS if free >= pair[0]), (1, "bytes"))
    return f"{free / unit:.{0 if unit == 1 else 1}f} {name} are free in {folder}"


def _is_beside(name: str | bytes | int, path: Path) -> bool:
    return not isinstance(name, int) and Path(os.fsdecode(name)).is_relative_to(path.parent)


def _owner(path: Path | None) -> str:
    """Return whose the nearest folder is, where it is another user's; empty otherwise."""
    if path is None or not hasattr(os, "geteuid"):
        return ""
    with contextlib.suppress(OSError):
        folder = next(parent for parent in (path, *path.parents) if os.path.exists(parent))  # noqa: PTH110 - as above
        owner = folder.stat().st_uid
        if owner != os.geteuid():
            return f"; {folder} belongs to user {owner}, this process is user {os.geteuid()}"
    return ""
