"""`leaderboards/<set>/history.jsonl`: the log of a set's results, one JSON object per line, append-only.

A line is a run (`RunState`: every model's scores with intervals, revisions, commit and time) or a check (`CheckLine`:
what the gate said of such a state). Each line is complete by itself and has the sha256 of its fields, so lines of two
branches may be merged in any order (`merge=union` in .gitattributes), and one that was damaged or cut off by a killed
process is recognised and left out, with its number. The file contains no ids, texts, labels, options or paths; commit
it with the baseline.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tcmbench import disk, strict_json
from tcmbench.complaints import in_one_line
from tcmbench.errors import SpecError
from tcmbench.specs.suite import Role
from tcmbench.store import canonical_json, locked, with_sha256, without_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

FILE = "history.jsonl"
FORMAT: Literal["tcmbench history 1"] = "tcmbench history 1"
_LOCK = ".history.lock"
_LARGEST_FILE = 1 << 30


class _LinePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LoggedScore(NamedTuple):
    """A score in points, mean over seeds, with its interval on the board."""

    value: float
    low: float | None = None
    high: float | None = None


class LoggedTask(_LinePart):
    """What a column measured."""

    task: str
    split: str
    subset: str
    role: Role
    metric: str
    items: int
    revision: str
    """Hash of data, candidates and options."""


class LoggedModel(_LinePart):
    """One row."""

    kind: Literal["baseline", "base", "variant"]

    revisions: tuple[str, ...]
    """Revision of each seed's model: weights, tokenizer, prompts, longest input."""

    recipe: str
    """Hash of the fields of its file, without descriptions."""

    of: tuple[str, ...] = ()
    """Variants or cures that a cure is made from."""

    trainsets: str = ""
    """Keys of its training sets; empty for a model that was not trained here."""

    scores: dict[str, LoggedScore]
    """Column → score."""


class _Line(_LinePart):
    format: Literal["tcmbench history 1"] = FORMAT

    set: str
    """Name of the set."""

    time: str
    """UTC, ISO 8601."""

    commit: str
    """Commit of the workspace, `+dirty` when files other than results had changes; empty outside git."""


class RunState(_Line):
    """The state of a set at the end of a run."""

    kind: Literal["run"] = "run"
    suite: str
    reference: str
    packages: dict[str, str]
    """Package versions of the measurements; where they differ, all are listed."""

    hardware: str
    """Hardware of the measurements."""

    tasks: dict[str, LoggedTask]
    models: dict[str, LoggedModel]

    @property
    def scores_sha256(self) -> str:
        """Hash of what was measured: tasks, models and scores, without intervals, time and commit."""
        measured: dict[str, Json] = {
            "tasks": {name: [task.revision, task.metric] for name, task in self.tasks.items()},
            "models": {
                name: [[*model.revisions], {column: score.value for column, score in model.scores.items()}]
                for name, model in self.models.items()
            },
        }
        return hashlib.sha256(canonical_json(measured).encode()).hexdigest()


class CheckLine(_Line):
    """What `tcmbench check` said of a state, by the set's own policy."""

    kind: Literal["check"] = "check"

    scores_sha256: str
    """The state."""

    question: Literal["reference", "baseline", "source"]
    """reference: may it ship? baseline: did anything get worse, since a baseline or the last state that passed?
    source: is each form as good as its model?"""

    against: str
    """The counterpart: the name of the reference, the path of the baseline, last-green, or source."""

    outcome: str
    passed: bool


Line = Annotated[RunState | CheckLine, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Log:
    """The lines of a log that could be read."""

    runs: tuple[RunState, ...] = ()
    """By time."""

    checks: tuple[CheckLine, ...] = ()
    """By time."""

    damaged: tuple[str, ...] = ()
    """Line number and defect of every other line."""

    @property
    def last_green(self) -> RunState | None:
        """The last state that passed the gate; None where there is none.

        Only the first one can be green by its answer to *may it ship?*: a later one, which may have lost against it and
        still beat the reference, has to answer *did anything get worse?*
        """
        green: RunState | None = None
        for state in self.runs:
            answers = self._answers(state)
            if answers.get("baseline", answers.get("reference", False) and green is None):
                green = state
        return green

    def is_green(self, state: RunState) -> bool | None:
        """Return whether the gate passed a state; None where it was never asked.

        Its last answer to *did anything get worse?* counts; where that was never asked, that to *may it ship?*
        """
        answers = self._answers(state)
        return answers.get("baseline", answers.get("reference"))

    def _answers(self, state: RunState) -> dict[str, bool]:
        own = [check for check in self.checks if check.scores_sha256 == state.scores_sha256]
        return {check.question: check.passed for check in own}


def path_of(workspace: Workspace, name: str) -> Path:
    """Return the path of the log of a set."""
    return workspace.leaderboards / name / FILE


def read(path: Path) -> Log:
    """Return the log of a set; an empty one without a file.

    Raises:
        SpecError: It is no readable file.
    """
    if not os.path.lexists(path):
        return Log()
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            raise SpecError(f"{path}: expected a log of at most {_LARGEST_FILE:,} bytes, got another kind of file.")
        content = path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: expected a readable log, but: {error.strerror}.") from error
    lines: list[RunState | CheckLine] = []
    damaged: list[str] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            lines.append(_parsed(line))
        except (ValueError, RecursionError) as error:
            damaged.append(f"line {number}: {_first_line(error)}")
    # lines of merged branches are in the order of the merge
    lines.sort(key=lambda line: line.time)
    return Log(
        tuple(line for line in lines if isinstance(line, RunState)),
        tuple(line for line in lines if isinstance(line, CheckLine)),
        tuple(damaged),
    )


def append(workspace: Workspace, line: RunState | CheckLine) -> bool:
    """Append a line to the log of its set; return False for one that says nothing new.

    A run with the scores, commit and packages of the last one is not new, nor is a check with the last one's answer.

    Raises:
        StorageError: The file can't be written.
    """
    path = path_of(workspace, line.set)
    taken = f"{path} is being written by another process"
    with locked(workspace.store.root / _LOCK, timeout=60, taken=taken):
        if _is_known(read(path), line):
            return False
        text = json.dumps(with_sha256(line.model_dump(mode="json")), ensure_ascii=False, allow_nan=False) + "\n"
        with disk.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                # a line that a killed process cut off stays a line of its own
                end = file.seek(0, os.SEEK_END)
                is_cut = end > 0 and (file.seek(end - 1), file.read(1))[1] != b"\n"
                file.write((b"\n" if is_cut else b"") + text.encode())
                file.flush()
                os.fsync(file.fileno())
    return True


def _parsed(line: bytes) -> RunState | CheckLine:
    """Return a line.

    Raises:
        ValueError: It is not as it was written.
    """
    try:
        return _ADAPTER.validate_python(without_sha256(strict_json.loads(line.decode("utf-8"), finite=True)))
    except ValidationError as error:
        raise ValueError(in_one_line(error)) from error


_ADAPTER: TypeAdapter[RunState | CheckLine] = TypeAdapter(Line)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _is_known(log: Log, line: RunState | CheckLine) -> bool:
    if isinstance(line, RunState):
        return bool(log.runs) and _facts(log.runs[-1]) == _facts(line)
    own = [check for check in log.checks if check.scores_sha256 == line.scores_sha256]
    same: Sequence[CheckLine] = [check for check in own if check.question == line.question]
    return bool(same) and same[-1].model_dump(exclude={"time"}) == line.model_dump(exclude={"time"})


def _facts(state: RunState) -> tuple[str, str, dict[str, str], str]:
    return state.scores_sha256, state.commit, state.packages, state.hardware
