"""Content-addressed artefacts on disk: computed once, written atomically, shared by processes.

An artefact is a folder named by the key of everything that went into it. It is built under a temporary name
and renamed, so a reader sees all of it or nothing, and a killed run leaves no half artefact behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import disk, manifests, strict_json
from tcmbench.errors import DamagedArtefact, StorageError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from pydantic import BaseModel

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

logger = logging.getLogger(__name__)

_KEY_LENGTH = 32
_SHA256 = "sha256"
_LEVELS = 4
"""Folders of the store above a file of an artefact: root, kind, first two digits, artefact."""


def canonical_json(value: Json) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(stage: str, value: Json) -> str:
    """Return the key of an artefact: 32 hex digits of sha256 over stage (name and version) and inputs."""
    return hashlib.sha256(f"{stage}\n{canonical_json(value)}".encode()).hexdigest()[:_KEY_LENGTH]


def differences(
    fields: BaseModel, *, include: Set[str] | None = None, exclude: Set[str] | None = None
) -> dict[str, Json]:
    """Return the fields that differ from their defaults, as JSON: what a key holds of options and specs.

    A field that is added later, with a default that changes nothing, leaves every key as it was. In turn, a change
    of a default or of its meaning requires a new revision or stage in the keys that contain it.

    Args:
        fields: Options or a spec.
        include: Names of the fields to look at; None for all.
        exclude: Names of fields that change nothing.
    """
    chosen: dict[str, Json] = fields.model_dump(
        mode="json",
        exclude_defaults=True,
        include=None if include is None else {*include},
        exclude=None if exclude is None else {*exclude},
    )
    return chosen


def is_free(folder: Path) -> bool:
    """Return whether a folder is absent or empty; False for a file.

    Raises:
        StoreError: It can't be read.
    """
    try:
        return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise StoreError(f"{folder}: expected a readable folder, but: {error.strerror}. Choose another.") from error


@contextlib.contextmanager
def placed(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside one; on success it, or its content where the folder has some, is moved there.

    So a command that is killed, or lacks space, leaves nothing that blocks another.

    Raises:
        StorageError: The folder isn't writable.
    """
    folder = folder.absolute()
    with disk.writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
        try:
            part.chmod(0o755)
            yield part
            if is_free(folder):
                with contextlib.suppress(FileNotFoundError):
                    folder.rmdir()
                part.rename(folder)
                return
            for generated in sorted(part.iterdir()):
                shutil.rmtree(folder / generated.name, ignore_errors=True)
                generated.replace(folder / generated.name)
        finally:
            shutil.rmtree(part, ignore_errors=True)


_DESCRIPTORS = {Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")}


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, on an error it is removed.

    A device, a pipe and a descriptor (`/dev/stdout`) are written into: a file in their place would take them from all.

    Raises:
        StorageError: No file can be written there: no space, a folder, a path below a file, or no permission.
    """
    with disk.writing(path):
        if path.is_dir():
            raise StorageError(f"{path}: expected a file to write, got a folder. Choose another path, or a file in it.")
        if _is_stream(path):
            with tempfile.TemporaryDirectory() as folder:
                yield (part := Path(folder) / "part")
                with part.open("rb") as source, path.open("ab") as target:
                    shutil.copyfileobj(source, target)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        part = Path(name)
        try:
            # mkstemp makes files private to the user, but these are meant to be read by others too.
            part.chmod(0o644)
            yield part
            part.replace(path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """Return whether a path leads to something that is no file, or stands for a descriptor, even of a file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) or path.absolute().parent in _DESCRIPTORS


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with line feeds as line ends."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Json) -> None:
    """Write JSON atomically: indented, keys in their order, ending in a newline."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Json:
    """Read a JSON file that tcmbench wrote.

    Raises:
        StoreError: The file is damaged; the message says to delete it.
    """
    try:
        value: Json = strict_json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"{path}: expected JSON written by tcmbench, but: {error}. Delete it and run again."
        ) from error
    return value


def is_there(path: Path) -> bool:
    """Return whether a file or folder exists, also where another machine has just made it.

    A client of NFS remembers for up to a minute that a name didn't exist, so that a score of another node would be
    missing on the board. When a folder is opened, the client compares it with the server and forgets such names.
    """
    if path.exists():
        return True
    for folder in reversed(path.parents[:_LEVELS]):
        with contextlib.suppress(OSError):
            os.close(os.open(folder, os.O_RDONLY))
    return path.exists()


@contextlib.contextmanager
def locked(path: Path, *, timeout: float = -1, taken: str) -> Iterator[None]:
    """Hold the lock of a file, which is created with its folder.

    Args:
        path: The file.
        timeout: Seconds to wait; negative waits for ever.
        taken: Start of the message when another process holds it.

    Raises:
        StoreError: Another process still holds it after `timeout`.
        StorageError: The file can't be written.
    """
    import filelock

    lock = filelock.FileLock(path, timeout=timeout)
    with disk.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise StoreError(f"{taken}. Wait for it, or stop it and run again.") from error
    try:
        yield
    finally:
        lock.release()


def with_sha256(value: Mapping[str, Json]) -> dict[str, Json]:
    """Return a JSON object with the sha256 of its fields as one more field."""
    return {**value, _SHA256: hashlib.sha256(canonical_json({**value}).encode()).hexdigest()}


def without_sha256(value: Json) -> dict[str, Json]:
    """Return the object that `with_sha256` received.

    Raises:
        ValueError: It is not such an object, or its sha256 doesn't match its fields.
    """
    fields = {name: field for name, field in value.items() if name != _SHA256} if isinstance(value, dict) else {}
    if value != with_sha256(fields):
        raise ValueError("the file's sha256 doesn't match its fields: it was edited or damaged")
    return fields


def write_checked(path: Path, value: Mapping[str, Json]) -> None:
    """Write a JSON object with its sha256, for a single file without a manifest beside it."""
    write_json(path, with_sha256(value))


def read_checked(path: Path) -> dict[str, Json]:
    """Return the object that `write_checked` wrote.

    Raises:
        FileNotFoundError: The file doesn't exist.
        DamagedArtefact: It has changed since it was written.
    """
    try:
        if not is_there(path):
            raise FileNotFoundError(path)
        return without_sha256(strict_json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise DamagedArtefact(path, what=str(error)) from error


class Store:
    """Artefacts under one folder, as `<root>/<kind>/<first two digits>/<key>/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, key: str) -> Path:
        """Return the folder of an artefact, whether or not it exists."""
        return self.root / kind / key[:2] / key

    def has(self, kind: str, key: str, *names: str) -> bool:
        """Return whether the artefact exists, unchanged since it was written, so that it need not be built.

        A damaged one counts as absent, and is logged.

        Args:
            kind: Kind of artefact.
            key: Its key.
            names: Files and folders in it that are checked; none for all of it.
        """
        if not self.has_manifest(kind, key):
            return False
        try:
            return self.open(kind, key, *names) is not None
        except DamagedArtefact as error:
            logger.error("%s: %s. It will be rebuilt.", error.path, error.what)
            return False

    def open(self, kind: str, key: str, *names: str) -> Path | None:
        """Return the folder of an artefact after checking its files against its manifest; None where it is absent.

        Raises:
            DamagedArtefact: A file has changed since it was written, or the folder is another artefact's.
        """
        folder = self.path(kind, key)
        if not is_there(folder):
            return None
        manifests.verify(folder, kind=kind, key=key, names=names)
        return folder

    def has_manifest(self, kind: str, key: str) -> bool:
        """Return whether an artefact has a manifest; those of earlier versions don't."""
        return is_there(self.path(kind, key) / manifests.NAME)

    def adopt(self, kind: str, key: str) -> None:
        """Write the manifest of an artefact of an earlier version, as it is now; a read-only store stays unchanged."""
        folder = self.path(kind, key)
        with contextlib.suppress(OSError, StoreError):
            write_json(folder / manifests.NAME, manifests.describe(folder, kind=kind, key=key))

    @contextlib.contextmanager
    def build(self, kind: str, key: str, *, replaces: bool = False) -> Iterator[Path]:
        """Yield a folder to fill; on success it becomes the artefact, on an error it is removed.

        If another process finished the same artefact meanwhile, its copy is kept: equal keys mean equal contents. A
        damaged folder is not such a copy, and is replaced.

        Args:
            kind: Kind of artefact.
            key: Its key.
            replaces: Whether an artefact of this key is replaced in any case: it depends on one that was built again,
                which on some hardware differs in spite of its equal key.

        Raises:
            StorageError: No space, or a store that isn't writable.
        """
        final = self.path(kind, key)
        with disk.writing(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{key[:8]}.", suffix=".part"))
            old = part.with_name(f"{part.name.removesuffix('.part')}.old.part")
            try:
                part.chmod(0o755)
                yield part
                write_json(part / manifests.NAME, manifests.describe(part, kind=kind, key=key))
                with contextlib.suppress(OSError):
                    if replaces or not self._is_whole(kind, key):
                        # renamed, not removed in place: concurrent readers see all of it or nothing
                        final.rename(old)
                try:
                    part.rename(final)
                except OSError:
                    if not final.is_dir():
                        raise
            finally:
                shutil.rmtree(part, ignore_errors=True)
                shutil.rmtree(old, ignore_errors=True)

    def _is_whole(self, kind: str, key: str) -> bool:
        try:
            return self.open(kind, key) is not None
        except DamagedArtefact:
            return False

    def is_locked(self, kind: str, key: str) -> bool:
        """Return whether a process holds the lock of an artefact."""
        try:
            with self.lock(kind, key, timeout=0):
                return False
        except StorageError:
            raise
        except StoreError:
            return True

    @contextlib.contextmanager
    def lock(self, kind: str, key: str, *, timeout: float = -1) -> Iterator[None]:
        """Hold the lock of an artefact, so that two processes don't do the same long work twice.

        Args:
            kind: Kind of artefact.
            key: Its key.
            timeout: Seconds to wait; negative waits for ever.

        Raises:
            StoreError: Another process still holds the lock after `timeout`.
            StorageError: The store isn't writable.
        """
        final = self.path(kind, key)
        with locked(
            final.with_name(f".{key}.lock"), timeout=timeout, taken=f"{final} is being built by another process"
        ):
            yield
