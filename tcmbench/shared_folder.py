"""Whether several processes, also of other machines, can use a folder as their store: locks, renames, new files.

On a network file system a lock can be valid on one machine only, or be replaced by the existence of a file, which
outlives a killed process. Then two processes train the same model, and one waits forever for a lock that nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import StorageError, StoreError
from tcmbench.store import locked, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN, _LOCK, _ANSWER = "token", "probe.lock", "answer"
_SECONDS = 60.0
_MOUNTS = Path("/proc/mounts")
_LOCAL_LOCKS = {
    "nfs": ("nolock", "local_lock=flock", "local_lock=all"),
    "nfs4": ("nolock", "local_lock=flock", "local_lock=all"),
    "lustre": ("localflock", "noflock"),
    "cifs": ("nobrl",),
    "smb3": ("nobrl",),
}
"""File system → options of its mount with which locks exist on one machine only, or not at all."""


class Mount(NamedTuple):
    """The file system of a folder."""

    kind: str
    """Its type, such as ext4 or nfs4; empty where the system doesn't say."""

    options: tuple[str, ...]
    """Options of the mount."""

    @property
    def weakness(self) -> str:
        """Why locks of one machine aren't seen by others; empty where nothing says so."""
        named = [option for option in _LOCAL_LOCKS.get(self.kind, ()) if option in self.options]
        return f"{self.kind} is mounted with {', '.join(named)}: locks are valid on one machine only" if named else ""


def mount(folder: Path) -> Mount:
    """Return the file system of a folder, or of the nearest parent that exists."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return Mount("", ())
    path = folder.resolve()
    best, length = Mount("", ()), -1
    for words in map(str.split, lines):
        place = Path(words[1].replace("\\040", " "))
        if path.is_relative_to(place) and len(place.parts) >= length:
            best, length = Mount(words[2], tuple(words[3].split(","))), len(place.parts)
    return best


@contextlib.contextmanager
def probe(folder: Path) -> Iterator[Path]:
    """Yield a folder for `obstacle` in other processes: it has a token, and a lock that this process holds.

    Raises:
        StorageError: The folder isn't writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder, prefix=".probe-"))
    try:
        place.chmod(0o755)
        write_text(place / _TOKEN, place.name)
        with locked(place / _LOCK, taken=f"{place}: the lock of a new folder is taken"):
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def obstacle(place: Path) -> str:
    """Return why this process can't share the folder of another's `probe`; empty where it can.

    It must see the token, not get the lock, and rename a file into place, for `answers`.
    """
    try:
        token = (place / _TOKEN).read_text(encoding="utf-8")
    except OSError as error:
        return f"{place.parent} is not the same folder here, or was not seen in time: {error.strerror}"
    if token != place.name:
        return f"{place.parent} is not the same folder here"
    try:
        with locked(place / _LOCK, timeout=0, taken="the lock is taken"):
            return f"a lock in {place.parent} that another process holds can be taken here as well"
    except StorageError as error:
        return str(error)
    except StoreError:
        write_text(place / f"{_ANSWER}-{uuid.uuid4().hex}", token)
    return ""


def answers(place: Path) -> int:
    """Return how many processes have found no obstacle in a folder of `probe`, as far as this one sees their files."""
    return len(list(place.glob(f"{_ANSWER}-*")))


def trial(folder: Path) -> str:
    """Return why two processes of this machine can't share a folder; empty where they can.

    Raises:
        StorageError: The folder isn't writable.
    """
    with warnings.catch_warnings(action="ignore"), probe(folder) as place:
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, str(place)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        if child.returncode:
            return f"a second process ended with exit code {child.returncode}: {child.stderr.strip()[-200:]}"
        if child.stdout:
            return child.stdout
        if not answers(place):
            return f"a file that another process renamed into {folder} is not seen here"
        if not _uses_flock(place):
            return f"{mount(folder).kind or 'its file system'} has no flock: a killed process leaves its locks behind"
    return ""


_CHILD = (
    "import sys, pathlib; from tcmbench import shared_folder; "
    "sys.stdout.write(shared_folder.obstacle(pathlib.Path(sys.argv[1])))"
)


def _uses_flock(place: Path) -> bool:
    """Return whether the system locks files there; filelock falls back to the existence of a file without it."""
    try:
        import fcntl
    except ImportError:  # Windows locks files in another way
        return True
    try:
        with (place / _TOKEN).open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
