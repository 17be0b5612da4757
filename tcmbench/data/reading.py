"""The bytes of data files: hashed as they are read, and compared with the hashes that a run was planned with.

A score is stored under the hash of its data. If that hash came from another reading than the one that was measured,
an edit between the two would leave a wrong score in the store for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import stat
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcmbench.errors import DataAbsent, DataError
from tcmbench.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Pin:
    """What files must hold while a pin is in force."""

    expected: Mapping[Path, str]
    """File → sha256 of its bytes, in hex."""

    compared: set[Path] = field(default_factory=set)
    """Files of `expected` that were read and had their hash."""

    def compare(self, path: Path, sha256: str) -> None:
        """Compare what was read of a file with what was planned; files that were not planned pass.

        Raises:
            DataError: Other bytes.
        """
        if path not in self.expected:
            return
        if self.expected[path] != sha256:
            raise _changed(path)
        self.compared.add(path)

    def compare_others(self) -> None:
        """Compare the files that were not read through this module, as they are now.

        Raises:
            DataError: Other bytes.
        """
        for path in self.expected.keys() - self.compared:
            self.compare(path, hashed([path])[path])


_pin: ContextVar[Pin | None] = ContextVar("pin", default=None)


@contextlib.contextmanager
def pinned(expected: Mapping[Path, str]) -> Iterator[Pin]:
    """Refuse, while the context is open, data files that don't have the expected hashes when they are read."""
    pin = Pin(expected)
    token = _pin.set(pin)
    try:
        yield pin
    finally:
        _pin.reset(token)


def chunks(path: Path, *, sha256: str | None = None) -> Iterator[bytes]:
    """Yield a file's bytes in pieces; after the last, its hash is compared.

    Args:
        path: The file.
        sha256: Hash of an earlier reading of the same file, where it is read twice.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is no file, can't be read, or holds other bytes than expected.
    """
    digest = hashlib.sha256()
    with refusals(path):
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would wait for ever
            raise DataError(f"{path}: expected a file, got {_kind(path)}. Give the path of a file.")
        file = path.open("rb")
    with file:
        while chunk := _next_chunk(file, path):
            digest.update(chunk)
            yield chunk
    if sha256 is not None and digest.hexdigest() != sha256:
        raise _changed(path)
    pin = _pin.get()
    if pin is not None:
        pin.compare(path, digest.hexdigest())


def hashed(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the sha256 of each file's bytes.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is no file, or can't be read.
    """
    hashes: dict[Path, str] = {}
    for path in paths:
        with refusals(path):
            hashes[path] = file_sha256(path)
    return hashes


def exists(path: Path) -> bool:
    """Return whether there is anything at a path.

    Raises:
        DataError: It can't be looked at.
    """
    with refusals(path):
        return path.exists()


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted; [] where there is no such folder.

    Raises:
        DataError: The folder can't be looked at.
    """
    with refusals(folder):
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about a path into ones that say what to do.

    Raises:
        DataAbsent: There is no such file.
        DataError: The path can't be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataAbsent(path, what="The file to read", how="Check the path.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: expected a file, got a folder. Give the path of a file.") from error
    except OSError as error:
        raise DataError(
            f"{path}: expected a file that can be read, but: {error.strerror}. Check its name and permissions."
        ) from error
    except ValueError as error:  # a NUL, or characters that the file system's encoding doesn't have
        raise DataError(f"{path}: expected a name that this file system can hold, but: {error}. Rename it.") from error


def _next_chunk(file: BinaryIO, path: Path) -> bytes:
    with refusals(path):
        return file.read(_CHUNK)


def _kind(path: Path) -> str:
    return "a folder" if path.is_dir() else "a device or pipe"


def _changed(path: Path) -> DataError:
    return DataError(
        f"{path}: the file changed while it was in use: what was read isn't what the run was planned with. Nothing was "
        "stored. Run again when nothing writes to it."
    )
