"""Why a training or a measurement failed last, kept until it succeeds: a board that is looked at later says it too."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from tcmbench.errors import EvaluationError, TcmbenchError
from tcmbench.store import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.store import Store

logger = logging.getLogger(__name__)

_KIND = "failures"


def note(store: Store, name: str, reason: str) -> None:
    """Keep why the work under a key failed."""
    write_json(_path(store, name), {"reason": reason})


def forget(store: Store, name: str) -> None:
    """Forget an older failure: the work under the key is done."""
    _path(store, name).unlink(missing_ok=True)


def last(store: Store, name: str) -> str | None:
    """Return why the work under a key failed last, None where it didn't."""
    path = _path(store, name)
    found = read_json(path) if path.is_file() else None
    return str(found["reason"]) if isinstance(found, dict) and "reason" in found else None


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an error of a library's into one of ours, so that one model's failure doesn't end the run of a set.

    Raises:
        EvaluationError: For any error that is none of ours; TCMBENCH_LOG=DEBUG shows its traceback.
    """
    try:
        yield
    except TcmbenchError:
        raise
    except Exception as error:  # a library may raise anything: none of it may cost the other models of a set
        logger.debug("%s", what, exc_info=True)
        first = next(iter(str(error).strip().splitlines()), "")
        raise EvaluationError(
            f"{what}: {type(error).__name__}{f': {first}' if first else ''}. Run again to try again; with "
            "TCMBENCH_LOG=DEBUG it shows where."
        ) from error


def _path(store: Store, name: str) -> Path:
    return store.path(_KIND, name).with_suffix(".json")
