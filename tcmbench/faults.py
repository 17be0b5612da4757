"""Errors from outside tcmbench: translates those of libraries and of the system, and reports internal errors.

Every library is called within `failures.explained`, and every command within the command line's `main`; both use this
module. An error without a translation is an internal error: its traceback goes to a file, because the text of an error
can contain text of records, and CI logs have many readers.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from pathlib import Path

from tcmbench import disk
from tcmbench.errors import DataError, EvaluationError, ModelAbsent, StorageError, TcmbenchError

EXIT_FAULT = 70
"""Exit code of an internal error: EX_SOFTWARE of sysexits.h. Never 1, which is a regression."""

_LONGEST = 300
NO_ROOM = ("no space left on device", "disk quota exceeded", "os error 28", "errno 28", "os error 122")
"""Messages of libraries and other processes about a full disk, in lower case."""

_NO_MEMORY = frozenset({"OutOfMemoryError", "MemoryError", "ArrowMemoryError", "_ArrayMemoryError"})
_TOKENIZER = "tokenizer.json or tokenizer_config.json is missing or damaged"
_OF_MODEL_FILES = {
    "unrecognized processing class": _TOKENIZER,
    "can't load tokenizer": _TOKENIZER,
    "untagged enum": _TOKENIZER,
    "model missing. at line": _TOKENIZER,
    "eof while parsing": _TOKENIZER,
    "should have a `model_type` key": "config.json lacks its model_type",
    "does not recognize this architecture": "config.json names a model_type unknown to this version of transformers",
    "ignore_mismatched_sizes": "the sizes in config.json differ from those of the weights",
    "validation error for": "config.json holds an invalid value",
}
"""Messages of transformers and tokenizers, in lower case, and the defect of a model's folder that each indicates."""


def translated(error: BaseException, *, what: str = "", place: Path | None = None) -> TcmbenchError | None:
    """Return the translation of an error of a library or of the operating system; None where there is none.

    Args:
        error: The error.
        what: The operation, with its model or data.
        place: Folder or file that the library reads or writes.
    """
    if isinstance(error, TcmbenchError):
        return error
    start = f"{what}: " if what else ""
    return _of_system(error, start, place) or _of_files(error, start, place)


def _of_system(error: BaseException, start: str, place: Path | None) -> TcmbenchError | None:
    """Return the translation of an error of disk, memory or locale."""
    said, lowered = words_of(error), str(error).lower()
    if isinstance(error, OSError) and disk.is_refusal(error):
        return StorageError(f"{start}{disk.refusal(error, place if error.filename is None else None)}")
    if any(words in lowered for words in NO_ROOM):
        there = f"; {disk.room(place)}" if place is not None else ""
        return StorageError(f"{start}expected free space to write, but: {said}{there}. Free some and run again.")
    if _kinds(error) & _NO_MEMORY or "out of memory" in lowered:
        return EvaluationError(
            f"{start}expected enough memory, but: {said or type(error).__name__}. Lower the encoder's batch_tokens or "
            "max_length, choose dtype bfloat16, run fewer jobs side by side, or use a machine with more memory."
        )
    if isinstance(error, UnicodeEncodeError):
        return StorageError(
            f"{start}expected an encoding that holds {error.object[error.start : error.end]!r}, got {error.encoding}. "
            "Set a locale of UTF-8, such as LC_ALL=C.UTF-8, and run again."
        )
    return None


def _of_files(error: BaseException, start: str, place: Path | None) -> TcmbenchError | None:
    """Return the translation of a library's error about its input files."""
    said, lowered = words_of(error), str(error).lower()
    at = f" ({place})" if place is not None else ""
    if "SafetensorError" in _kinds(error):
        return ModelAbsent(
            f"{start}expected a complete safetensors file{at}, but: {said}. Copy or download the weights again."
        )
    if "ArrowException" in _kinds(error):
        return DataError(f"{start}expected a complete Parquet file{at}, but: {said}. Copy or create the file again.")
    if wrong := next((wrong for words, wrong in _OF_MODEL_FILES.items() if words in lowered), ""):
        return ModelAbsent(
            f"{start}expected a folder that transformers can load{at}, but {wrong}: {said}. Fix that file, or copy or "
            "download it again."
        )
    return None


def _kinds(error: BaseException) -> set[str]:
    """Return the names of an error's classes: the libraries that raise them need not be imported."""
    return {kind.__name__ for kind in type(error).__mro__}


def words_of(error: BaseException) -> str:
    """Return an error's text in one line, truncated; empty where it has none."""
    words = " ".join(str(error).split()).rstrip(".")
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def report(error: BaseException) -> str:
    """Write the traceback of an internal error to a file and return one line about the error.

    The line names the kind of error and the place in the code, not the error's text, which can hold text of records.
    """
    summary = f"internal error: {type(error).__name__}{_place(error)}"
    return f"{summary}. This is a bug in tcmbench, please report it: {_kept(error)}"


def _kept(error: BaseException) -> str:
    """Write the traceback to a file that only this user can read, and return a sentence with its path."""
    from tcmbench import redaction

    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="tcmbench-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(redaction.text("".join(traceback.format_exception(error))))
        return f"the traceback is in {name}, TCMBENCH_LOG=DEBUG prints it here."
    return "TCMBENCH_LOG=DEBUG prints the traceback."


def _place(error: BaseException) -> str:
    """Return the innermost line of tcmbench's in a traceback."""
    package = Path(__file__).parent
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(package)
    ]
    if not frames:
        return ""
    return f" in {Path(frames[-1].filename).relative_to(package.parent).as_posix()}:{frames[-1].lineno}"
