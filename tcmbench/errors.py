"""Every error a user can cause or mend; anything else is a fault of tcmbench's (exit code 70, `tcmbench.faults`).

TcmbenchError                 the command line prints it without a traceback and exits 2
├── UnknownName               a miner, task, base, set… that does not exist ("did you mean …?")
├── SpecError                 a TOML file that does not say what it must
├── DataError                 a data file that cannot be used
│   ├── BadLines              every bad line of a file at once
│   └── DataAbsent            files that are simply not on this machine
├── ModelAbsent               a base whose weights are not on this machine
├── MissingExtra              an optional dependency that is not installed
├── StoreError                an artefact that is locked, a path that no file can be written to
│   ├── DamagedArtefact       an artefact whose files are not as they were written
│   └── StorageError          no room, a path that can't be written to: it ends a run, as nothing could be kept
├── EvaluationError           a score that cannot be trusted
│   ├── ParityError           two ways to the same number disagree
│   └── NoInterval            items that are too few, or too alike, for an interval
├── TrainingError             a training that failed or silently taught nothing
├── ScoreMissing              a score that a board or gate needs and nobody measured
└── NotComparable             scores of different data, prompts or candidates (exit code 3)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tcmbench import redaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class TcmbenchError(Exception):
    """Base of all errors that a user can mend; the message says how, without secrets."""

    exit_code = 2

    def __init__(self, *parts: object) -> None:
        # Here, because every message goes to a record, a board or a log in the end.
        super().__init__(*(redaction.text(part) if isinstance(part, str) else part for part in parts))


class UnknownName(TcmbenchError):
    """A name that no file, plug-in or task carries."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str], *, where: str = "") -> UnknownName:
        """Return the error for `name`, with the closest known names first."""
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
        listed = ", ".join(names) if names else "none"
        prefix = f"{where}: " if where else ""
        return cls(f"{prefix}no {kind} named {name!r}.{hint} Known: {listed}.")


class SpecError(TcmbenchError):
    """A spec file that is not valid TOML or does not fit its schema."""


class DataError(TcmbenchError):
    """A data file that cannot be used as it is."""


class BadLines(DataError):
    """All the bad lines of one or more files."""

    def __init__(self, problems: Sequence[str], *, advice: str) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__("\n".join([f"{count} bad line{'s' * (count != 1)}:", *self.problems, advice]))


class DataAbsent(DataError):
    """Data files that are not on this machine."""

    def __init__(self, path: Path, *, what: str, how: str) -> None:
        self.path = path
        self.how = redaction.text(how)
        super().__init__(f"{what} is not here: expected {path}. {how}")


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
    """What the operating system refuses to write or read: a full disk, a read-only folder, a file for a folder."""


class DamagedArtefact(StoreError):
    """An artefact whose files are not as they were written."""

    def __init__(self, path: Path, *, what: str) -> None:
        self.path = path
        self.what = redaction.text(what)
        super().__init__(f"{path}: {what}. Run again to make it anew, or remove it: tcmbench cache verify --delete")


class EvaluationError(TcmbenchError):
    """A score that cannot be trusted and is therefore not shown."""


class ParityError(EvaluationError):
    """Two ways to the same number that disagree."""


class NoInterval(EvaluationError):
    """Items that are too few, or too alike, for an interval: it costs the interval, not the figure."""


class TrainingError(TcmbenchError):
    """A training that failed, or that would have taught nothing without saying so."""


class ScoreMissing(TcmbenchError):
    """A score that a board or gate needs and that was not measured."""


class NotComparable(TcmbenchError):
    """Scores taken on different data, prompts or candidates."""

    exit_code = 3
