"""Reasons of failed trainings and measurements, by key, stored until they succeed, so that later boards show them."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from tcmbench import faults
from tcmbench.errors import DamagedArtefact, DataAbsent, EvaluationError, TcmbenchError
from tcmbench.records.entry import CellState, State
from tcmbench.records.reason import Reason
from tcmbench.store import read_checked, write_checked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.store import Store

logger = logging.getLogger(__name__)

_KIND = "failures"


def note(store: Store, name: str, error: TcmbenchError) -> None:
    """Store why the work under a key has no result: absent data, or a failure."""
    state = "not_measured" if isinstance(error, DataAbsent) else "failed"
    write_checked(_path(store, name), {"key": name, "state": state, "reason": Reason.message(error).to_json()})


def forget(store: Store, name: str) -> None:
    """Remove an older failure: the work under the key is done."""
    _path(store, name).unlink(missing_ok=True)


def last(store: Store, name: str) -> CellState | None:
    """Return why the last attempt under a key had no result; None where there was no attempt or it succeeded.

    A record that is damaged or another key's is ignored: the work counts as not attempted, and the next run does it.
    """
    try:
        record = read_checked(_path(store, name))
    except FileNotFoundError:
        return None
    except DamagedArtefact as error:
        logger.error("%s: %s. The reason of the failure is lost.", error.path, error.what)
        return None
    if record.get("key") != name:
        return None
    state: State = "not_measured" if record.get("state") == "not_measured" else "failed"
    return CellState(state, Reason.from_json(record.get("reason")))


def damaged_note(path: Path) -> dict[Path, DamagedArtefact]:
    """Return the file of a record with its defect; empty where there is none."""
    try:
        read_checked(path)
    except DamagedArtefact as error:
        return {path: error}
    return {}


def damaged(store: Store, error: DamagedArtefact) -> CellState:
    """Return the state of a cell whose stored score or model is damaged."""
    return CellState("failed", Reason.of("damaged", path=error.path.relative_to(store.root), what=error.what))


@contextlib.contextmanager
def explained(what: str, *, place: Path | None = None) -> Iterator[None]:
    """Translate an error of a library into a TcmbenchError, so that one model's failure doesn't end the run of a set.

    Args:
        what: The operation, with its model or data.
        place: Folder or file that the library reads or writes.

    Raises:
        TcmbenchError: The translation of the error.
        EvaluationError: An error without a translation; TCMBENCH_LOG=DEBUG logs its traceback.
    """
    try:
        yield
    except TcmbenchError:
        raise
    except Exception as error:  # a library may raise anything, and no error may affect the other models of a set
        logger.debug("%s", what, exc_info=True)
        known = faults.translated(error, what=what, place=place)
        if known is not None:
            raise known from error
        first = faults.words_of(error)
        raise EvaluationError(
            f"{what}: {type(error).__name__}{f': {first}' if first else ''}{f' ({place})' if place else ''}. Run again "
            "to retry; with TCMBENCH_LOG=DEBUG it logs the traceback."
        ) from error


def _path(store: Store, name: str) -> Path:
    return store.path(_KIND, name).with_suffix(".json")
