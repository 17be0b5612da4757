"""Reads data files, hashing their bytes and comparing the hashes with those in the plan of a run.

A score is stored under the hash of its data. If the hash and the measured data came from different readings,
an edit between the two would leave a wrong score in the store permanently.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import stat
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast

from tcmbench.checksums import file_sha256
from tcmbench.errors import DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from _typeshed import SupportsRead

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
"""Suffix of a file's name → its compression."""

_CHUNK = 1 << 20
_MOST_UNPACKED = 1 << 30
_MOST_RATIO = 200
"""Text is compressed by a factor of 3 to 20; a factor of hundreds indicates a decompression bomb."""


class _Pin:
    def __init__(self, expected: Mapping[Path, str]) -> None:
        self.expected = expected
        self.compared: set[Path] = set()

    def compare(self, path: Path, sha256: str) -> None:
        if self.expected.get(path) != sha256:
            raise _changed(path)
        self.compared.add(path)


_pin: ContextVar[_Pin | None] = ContextVar("pin", default=None)


@contextlib.contextmanager
def pinned(expected: Mapping[Path, str]) -> Iterator[None]:
    """Check, while the context is open, that data files have the expected hashes.

    Files that were not read through this module are compared on exit.

    Args:
        expected: File → sha256 of its bytes, of all files that may be read.

    Raises:
        DataError: A file has another hash when it is read, or didn't exist when the hashes were computed.
    """
    pin = _Pin(expected)
    token = _pin.set(pin)
    try:
        yield
    finally:
        _pin.reset(token)
    for path, sha256 in hashed(expected.keys() - pin.compared).items():
        pin.compare(path, sha256)


def compression(path: Path) -> str | None:
    """Return the compression of a file by the end of its name, in any capitalisation; None for none."""
    return COMPRESSED.get(path.suffix.lower())


def chunks(path: Path, *, sha256: str | None = None) -> Iterator[bytes]:
    """Yield a file's content in chunks, unpacked where it is compressed; after the last, its hash is compared.

    Args:
        path: The file; one that ends in .gz or .zst is compressed.
        sha256: Hash of the content in an earlier reading of the same file, where it is read twice.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is not a file, can't be read or unpacked, or has another hash than expected.
    """
    digest = hashlib.sha256()
    with refusals(path):
        _require_file(path)
        file = _Hashed(path.open("rb"))
    with file:
        is_packed = compression(path) is not None
        content = _unpacked(file, path) if is_packed else file
        size = 0
        while chunk := _next_chunk(content, path):
            size += len(chunk)
            if is_packed and size > _MOST_UNPACKED and size > _MOST_RATIO * file.size:
                raise DataError(
                    f"{path}: {file.size:,} bytes unpack to over {size:,}, which is unusual for text. Unpack it "
                    "yourself if that is correct."
                )
            digest.update(chunk)
            yield chunk
        file.rest()
        if is_packed and not file.size:
            raise _not_unpacked(path)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise _changed(path)
    pin = _pin.get()
    if pin is not None:
        pin.compare(path, file.digest.hexdigest())


def hashed(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the sha256 of each file's bytes.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is not a file, or can't be read.
    """
    hashes: dict[Path, str] = {}
    for path in paths:
        with refusals(path):
            _require_file(path)
            hashes[path] = file_sha256(path)
    return hashes


def exists(path: Path) -> bool:
    """Return whether a path exists.

    Raises:
        DataError: It can't be read.
    """
    with refusals(path):
        return path.exists()


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder.

    Raises:
        DataError: It can't be read.
    """
    with refusals(path):
        return path.is_dir()


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted; [] where it doesn't exist.

    Raises:
        DataError: The folder can't be read.
    """
    with refusals(folder):
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Translate the operating system's errors about a path into ones with a remedy.

    Raises:
        DataAbsent: There is no such file.
        DataError: The path can't be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataAbsent(path, what="The file to read", how="Check the path.") from error
    except OSError as error:
        raise DataError(
            f"{path}: expected a readable file, but: {error.strerror}. Check its name and permissions."
        ) from error
    except ValueError as error:  # a NUL, or characters outside the file system's encoding
        raise DataError(f"{path}: expected a valid file name, but: {error}. Rename it.") from error


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        chunk = self._file.read(size)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk

    def rest(self) -> None:
        """Hash the bytes after the compressed content."""
        while self.read(_CHUNK):
            pass

    def close(self) -> None:
        self._file.close()
        super().close()


def _unpacked(file: _Hashed, path: Path) -> SupportsRead[bytes]:
    import pyarrow as pa

    return cast("SupportsRead[bytes]", pa.CompressedInputStream(file, COMPRESSED[path.suffix.lower()]))


def _next_chunk(file: SupportsRead[bytes], path: Path) -> bytes:
    try:
        with refusals(path):
            return file.read(_CHUNK)
    except DataError as error:
        if compression(path) is None:
            raise
        raise _not_unpacked(path) from error


def _not_unpacked(path: Path) -> DataError:
    return DataError(f"{path}: can't be unpacked: it is truncated or damaged. Copy it again.")


def _require_file(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would block forever
        kind = "a folder" if path.is_dir() else "a device or pipe"
        raise DataError(f"{path}: expected a file, got {kind}. Pass the path of a file.")


def _changed(path: Path) -> DataError:
    return DataError(
        f"{path}: the file changed during the run: its content doesn't match the sha256 in the plan of the run. "
        "Nothing was stored. Run again when no process is writing to it."
    )
