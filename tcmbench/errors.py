"""Every error that a user can cause or fix; anything else is an internal error (exit code 70, `tcmbench.faults`).

TcmbenchError                 the command line prints it without a traceback and exits 2
├── UnknownName               a miner, task, base, set… that does not exist ("did you mean …?")
├── SpecError                 a TOML file that is invalid or doesn't fit its schema
├── DataError                 a data file that cannot be used
│   ├── BadLines              the bad lines of files: the first three, and how many there are
│   └── DataAbsent            files that are not on this machine
├── ModelAbsent               a base whose weights are not on this machine
├── MissingExtra              an optional dependency that is not installed
├── StoreError                an artefact that is locked, a path that isn't writable
│   ├── DamagedArtefact       an artefact whose files have changed since they were written
│   └── StorageError          no space, or a path that isn't writable: it ends a run, as nothing could be stored
├── EvaluationError           a score that cannot be trusted
│   ├── ParityError           two ways to the same number disagree
│   └── NoInterval            items that are too few, or too alike, for an interval
├── TrainingError             a training that failed or had no effect
├── ScoreMissing              a score that a board or gate needs and that was not measured
└── NotComparable             scores of different data, prompts or candidates (exit code 3)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


_SHOWN = 3
"""Bad lines in a message: one mistake in a file is usually in all of its lines."""


def meant(name: str, known: Iterable[str]) -> str:
    """Return a question after the names that are close to a misspelt one, with a space before it; empty without any."""
    close = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


class TcmbenchError(Exception):
    """Base of all errors that a user can fix; the message says how, without secrets."""

    exit_code = 2

    def __init__(self, *parts: object) -> None:
        # Here, because every message ends up in a record, a board or a log.
        super().__init__(*(_without_secrets(part) if isinstance(part, str) else part for part in parts))


class UnknownName(TcmbenchError):
    """A name that no file, plug-in or task has."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], *, where: str = "") -> UnknownName:
        """Return the error for `name`, with the closest known names first."""
        names = sorted(known)
        listed = ", ".join(names) if names else "none"
        prefix = f"{where}: " if where else ""
        return cls(f"{prefix}no {kind} named {name!r}.{meant(name, names)} Known: {listed}.")


class SpecError(TcmbenchError):
    """A spec file that is not valid TOML or does not fit its schema."""


class DataError(TcmbenchError):
    """A data file that cannot be used as it is."""


class BadLines(DataError):
    """All the bad lines of one or more files, of which the message has the first three."""

    def __init__(self, problems: Sequence[str], *, advice: str) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        more = [f"and {count - _SHOWN:,} more"] if count > _SHOWN else []
        head = f"{count:,} bad line{'s' * (count != 1)}:"
        super().__init__("\n".join([head, *self.problems[:_SHOWN], *more, advice]))


class DataAbsent(DataError):
    """Data files that are not on this machine."""

    def __init__(self, path: Path, *, what: str, how: str) -> None:
        self.path = path
        self.how = _without_secrets(how)
        super().__init__(f"{what} is missing: expected {path}. {how}")


class ModelAbsent(TcmbenchError):
    """Weights that are neither in a folder nor in the local hub cache."""


class MissingExtra(TcmbenchError):
    """An optional dependency that is not installed."""

    @classmethod
    def of(cls, package: str, extra: str, *, purpose: str) -> MissingExtra:
        """Return the error that names the extra to install."""
        return cls(f"{purpose} needs {package}, which is not installed. Run: pip install 'tcmbench[{extra}]'")


class StoreError(TcmbenchError):
    """An artefact that is damaged, or a lock that another process holds."""


class StorageError(StoreError):
    """An error of the operating system on reading or writing: a full disk, a read-only folder, a file for a folder."""


class DamagedArtefact(StoreError):
    """An artefact whose files have changed since they were written."""

    def __init__(self, path: Path, *, what: str) -> None:
        self.path = path
        self.what = _without_secrets(what)
        super().__init__(f"{path}: {what}. Run again to rebuild it, or remove it: tcmbench cache verify --delete")


class EvaluationError(TcmbenchError):
    """A score that cannot be trusted and is therefore not shown."""


class ParityError(EvaluationError):
    """Two ways to the same number that disagree."""


class NoInterval(EvaluationError):
    """Items that are too few, or too alike, for an interval; the score itself remains valid."""


class TrainingError(TcmbenchError):
    """A training that failed, or that would have had no effect without an error."""


class ScoreMissing(TcmbenchError):
    """A score that a board or gate needs and that was not measured."""


class NotComparable(TcmbenchError):
    """Scores measured with different data, prompts or candidates."""

    exit_code = 3


def _without_secrets(text: str) -> str:
    # Imported here, since its patterns take as long as all else that `tcmbench --help` needs of this package.
    from tcmbench import redaction

    return redaction.text(text)
