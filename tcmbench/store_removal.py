"""Deletes artefacts from the store: each as a whole, and none that is in use by a process."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import StoreError
from tcmbench.store_inventory import CHEAP, RUNNING, Artefact, artefacts, owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tcmbench.store import Store


class Removal(NamedTuple):
    """Outcome of a removal."""

    removed: tuple[Artefact, ...]

    in_use: tuple[Artefact, ...]
    """Artefacts that were kept because a process is writing or may read them."""


def beyond(
    listed: Sequence[Artefact], *, older_than: float | None = None, max_bytes: int | None = None, now: float
) -> tuple[Artefact, ...]:
    """Return the artefacts to remove so that both limits are kept, longest unused first.

    Args:
        listed: Artefacts, longest unused first.
        older_than: Days after which an unused artefact is removed; None keeps all ages.
        max_bytes: Largest size of the remaining artefacts; None keeps all.
        now: The time, in seconds since 1970.
    """
    left = sum(artefact.size for artefact in listed)
    selected = []
    for artefact in listed:
        is_old = older_than is not None and now - artefact.used > older_than * 86_400
        if is_old or (max_bytes is not None and left > max_bytes):
            selected.append(artefact)
            left -= artefact.size
    return tuple(selected)


def remove(store: Store, selected: Sequence[Artefact]) -> Removal:
    """Remove artefacts; those in use are kept.

    An artefact is in use while its lock is held; an unfinished training and its training set while that model is being
    trained. A run may read any artefact; only caches are optional to it, so all others are in use while a run is alive.

    Raises:
        StoreError: The store isn't writable.
    """
    is_running = has_live_run(store)
    trainings = {artefact.key: owner(artefact).trainset for artefact in artefacts(store, kinds=["work"])}
    removed, in_use = [], []
    for artefact in selected:
        using = [key for key, trainset in trainings.items() if trainset == artefact.key]
        with contextlib.ExitStack() as locks:
            is_free = all(locks.enter_context(_free(lock)) for lock in _locks(store, artefact, trainings=using))
            if not is_free or (is_running and artefact.kind not in CHEAP):
                in_use.append(artefact)
                continue
            _discard(artefact.path)
            removed.append(artefact)
    return Removal(tuple(removed), tuple(in_use))


def has_live_run(store: Store) -> bool:
    """Return whether a run is using the store: it holds a lock while it is alive."""
    for lock in (store.root / RUNNING).glob("*.lock"):
        with _free(lock) as is_free:
            if not is_free:
                return True
    return False


def _locks(store: Store, artefact: Artefact, *, trainings: Sequence[str]) -> Iterator[Path]:
    """Yield the locks that a process holds while it writes an artefact."""
    if artefact.kind not in {"mteb", "leftovers", "failures"}:
        yield artefact.path.with_name(f".{artefact.key}.lock")
    if artefact.kind == "embeddings":  # each process that writes vectors holds the lock of its segment
        yield from sorted(artefact.path.parent.glob(f".{artefact.key}.*.lock"))
    for key in [*trainings, *([artefact.key] if artefact.kind == "work" else [])]:
        model = store.path("models", key)
        yield model.with_name(f".{key}.lock")


@contextlib.contextmanager
def _free(lock: Path) -> Iterator[bool]:
    """Hold a lock and yield True, or yield False where another process holds it; one without a file is free."""
    import filelock

    if not lock.is_file():
        yield True
        return
    try:
        with filelock.FileLock(lock, timeout=0):
            yield True
    except filelock.Timeout:
        yield False


def _discard(path: Path) -> None:
    """Remove a folder or file, renamed first, so that no process sees a part of it."""
    try:
        grave = Path(tempfile.mkdtemp(dir=path.parent, prefix=".removed.", suffix=".part"))
        with contextlib.suppress(FileNotFoundError):  # another process has removed it
            path.rename(grave / path.name)
        shutil.rmtree(grave)
    except OSError as error:
        raise StoreError(
            f"{path}: expected a writable location, but: {error.strerror}. Remove it as its owner."
        ) from error
