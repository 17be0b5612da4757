"""Errors that aren't ours: those of libraries and of the operating system translated, faults of tcmbench's own reported.

Every library is called within `failures.explained`, and every command within the command line's `main`; both ask here
what an error means. What nobody has a translation for is a fault of tcmbench's: its traceback goes to a file, because
the text of an error can hold text of records, and a log of CI is read by many.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import disk
from tcmbench.errors import DataError, EvaluationError, ModelAbsent, StorageError, TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_FAULT = 70
"""Exit code of a fault of tcmbench's own: EX_SOFTWARE of sysexits.h. Never 1, which is a regression."""

_LONGEST = 300
NO_ROOM = ("no space left on device", "disk quota exceeded", "os error 28", "errno 28", "os error 122")
"""How libraries and other processes say that a disk is full, in small letters."""

_NO_MEMORY = frozenset({"OutOfMemoryError", "MemoryError", "ArrowMemoryError", "_ArrayMemoryError"})
_TOKENIZER = ("untagged enum", "tokenizer.json", "modelwrapper")


def translated(error: BaseException, *, what: str = "", place: Path | None = None) -> TcmbenchError | None:
    """Return what an error of a library's or of the operating system means here; None for one without a translation.

    Args:
        error: The error.
        what: What was being done, with which model or data.
        place: Folder or file that the library reads or writes.
    """
    if isinstance(error, TcmbenchError):
        return error
    start = f"{what}: " if what else ""
    at = f" ({place})" if place is not None else ""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    said = first_line(error)
    if isinstance(error, OSError) and disk.is_refusal(error):
        return _with(start, disk.refusal(error, place if error.filename is None else None))
    if any(words in str(error).lower() for words in NO_ROOM):
        there = f"; {disk.room(place)}" if place is not None else ""
        return StorageError(f"{start}expected room to write, but: {said}{there}. Make room and run again.")
    if kinds & _NO_MEMORY or "out of memory" in str(error).lower():
        return EvaluationError(
            f"{start}expected enough memory, but: {said or type(error).__name__}. Lower the encoder's batch_tokens or "
            "max_length, choose dtype bfloat16, run fewer jobs side by side, or use a machine with more memory."
        )
    if "SafetensorError" in kinds:
        return ModelAbsent(
            f"{start}expected a whole safetensors file{at}, but: {said}. Copy or download the weights again."
        )
    if "ArrowException" in kinds:
        return DataError(f"{start}expected a whole Parquet file{at}, but: {said}. Copy or make the file again.")
    if any(words in str(error).lower() for words in _TOKENIZER):
        return ModelAbsent(
            f"{start}expected a tokenizer that this version of tokenizers reads{at}, but: {said}. Copy or download "
            "tokenizer.json again."
        )
    if isinstance(error, UnicodeEncodeError):
        return StorageError(
            f"{start}expected an encoding that holds {error.object[error.start : error.end]!r}, got {error.encoding}. "
            "Set a locale of UTF-8, such as LC_ALL=C.UTF-8, and run again."
        )
    return None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut where it is long; empty where it has none."""
    line = next(iter(str(error).strip().splitlines()), "").rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def report(error: BaseException) -> str:
    """Return one line about a fault of tcmbench's own, after its traceback has gone to a file.

    The line names the kind of error and the place in the code, not the error's text, which can hold text of records.
    """
    return f"internal error: {type(error).__name__}{_place(error)}. This is a fault of tcmbench, please report it: {_kept(error)}"


def _kept(error: BaseException) -> str:
    """Write the traceback where only this user can read it, and return where it is."""
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="tcmbench-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
        return f"the traceback is in {name}, TCMBENCH_LOG=DEBUG shows it here."
    return "TCMBENCH_LOG=DEBUG shows the traceback."


def _place(error: BaseException) -> str:
    """Return the innermost line of tcmbench's in a traceback."""
    package = Path(__file__).parent
    frames = [frame for frame in _frames(error) if Path(frame.filename).is_relative_to(package)]
    if not frames:
        return ""
    return f" in {Path(frames[-1].filename).relative_to(package.parent).as_posix()}:{frames[-1].lineno}"


def _frames(error: BaseException) -> Iterator[traceback.FrameSummary]:
    yield from traceback.extract_tb(error.__traceback__)


def _with(start: str, error: StorageError) -> StorageError:
    return StorageError(f"{start}{error}")
