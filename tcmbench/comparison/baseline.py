"""`leaderboards/<set>/baseline.json`: earlier scores, item by item, with which current scores are compared.

The file is meant to be committed and reviewed. Its first part is for review: what was measured (revision, items, metric
of each task), with which package versions, and every model's scores in points. `values` is for `tcmbench check`, one
line per model and task, so that a diff shows which of them changed. `sha256`, of all other fields, detects a damaged
or edited file: two versions must not be merged by hand but measured again. The same scores give the same
bytes, and a file whose scores did not change is not rewritten.

Values are kept as integers: points / 0.001 for tasks whose figure is a mean, similarity / 0.00001 for the others
(`STEP` of the statistic). They
are little-endian int32, seed after seed, items in the order of their sorted ids; the four bytes of all numbers
are grouped (all first bytes, all second bytes, …), compressed with zlib and written as base64. `tcmbench check` rounds
current values in the same way before it pairs them, so the difference of an unchanged model is exactly zero.

The file contains no ids, patients, labels or texts: of the ids it has a hash, the rest comes from the current
scores, which must be on the same items. So it can be committed even where the data can't.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tcmbench import strict_json
from tcmbench.comparison.verdict import because
from tcmbench.complaints import in_one_line
from tcmbench.data.lines import refuse_surrogates
from tcmbench.errors import ScoreMissing, SpecError
from tcmbench.records.provenance import merged_versions
from tcmbench.stats import statistics
from tcmbench.store import with_sha256, without_sha256, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from tcmbench.comparison.measured import Measured, MeasuredSet
    from tcmbench.specs.policy import Policy
    from tcmbench.workspace import Workspace

    FloatArray = npt.NDArray[np.float64]

FORMAT: Literal["tcmbench baseline 1"] = "tcmbench baseline 1"
FILE = "baseline.json"


_LARGEST_FILE = 256 << 20
_MOST_NUMBERS = 16 << 20
"""Limit for one model on one column: 64 MiB of memory."""


class _BaselinePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaselineTask(_BaselinePart):
    """What a column measured."""

    task: str
    split: str
    subset: str
    metric: str
    statistic: str
    """Name of the statistic that computes the score from the values."""

    items: int = Field(ge=1, le=_MOST_NUMBERS)
    """Number of items."""

    ids: str
    """sha256 of the sorted item ids."""

    revision: str
    """Hash of data, candidates and options."""


class BaselineModel(_BaselinePart):
    """One row."""

    kind: Literal["baseline", "base", "variant"]
    seeds: int = Field(ge=1, le=_MOST_NUMBERS)
    """Number of trainings; 1 for a base."""

    revisions: tuple[str, ...]
    """Revision of each seed's model: weights, tokenizer, prompts, longest input."""

    scores: dict[str, float]
    """Column → points, mean over seeds, to four decimals."""


class Baseline(_BaselinePart):
    """The whole file."""

    format: Literal["tcmbench baseline 1"] = FORMAT
    set: str
    suite: str
    reference: str
    packages: dict[str, str]
    """Package versions of the measurements; where they differ, all are listed."""

    tasks: dict[str, BaselineTask]
    models: dict[str, BaselineModel]
    values: dict[str, dict[str, str]]
    """Model → column → encoded values (see the module's docstring)."""

    @model_validator(mode="after")
    def _has_values_of_every_score(self) -> Self:
        if self.values.keys() != self.models.keys():
            raise ValueError(
                f"values of {', '.join(sorted(self.values.keys() ^ self.models.keys()))} without a model, or none"
            )
        for name, model in self.models.items():
            without = sorted(model.scores.keys() ^ self.values[name].keys() | model.scores.keys() - self.tasks.keys())
            if without:
                raise ValueError(f"{name}: score, values or task of {', '.join(without)} missing")
        return self

    def row(self, model: str, column: str, *, where: str) -> FloatArray:
        """Return seeds × items of a model on a column.

        Raises:
            SpecError: The values are damaged.
        """
        about = self.tasks[column]
        return decode(
            self.values[model][column],
            statistic=about.statistic,
            shape=(self.models[model].seeds, about.items),
            where=f"{where}: values of {model} on {column}",
        )


def path_of(workspace: Workspace, name: str) -> Path:
    """Return the path of the baseline of a set."""
    return workspace.leaderboards / name / FILE


def is_there(path: Path) -> bool:
    """Return whether a baseline's path exists; anything but a file is rejected on reading."""
    return os.path.lexists(path)


def ids_hash(ids: Sequence[str]) -> str:
    """Return the sha256 of sorted item ids."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def rounded(values: FloatArray, statistic: str) -> FloatArray:
    """Return values rounded as in a baseline."""
    import numpy as np

    step = statistics.load(statistic).STEP
    return np.asarray(np.rint(values / step) * step, dtype=np.float64)


def encode(values: FloatArray, statistic: str, *, where: str) -> str:
    """Return seeds × items as text.

    Raises:
        ScoreMissing: A value is NaN or infinite.
    """
    import numpy as np

    if not np.isfinite(values).all():
        raise ScoreMissing(f"{where}: a value is missing or infinite. Measure the task again.")
    whole = np.rint(values / statistics.load(statistic).STEP).astype("<i4")
    grouped = np.ascontiguousarray(whole.reshape(-1).view(np.uint8).reshape(-1, 4).T)
    return base64.b64encode(zlib.compress(grouped.tobytes(), 9)).decode("ascii")


def decode(text: str, *, statistic: str, shape: tuple[int, int], where: str) -> FloatArray:
    """Return the values that `encode` wrote.

    Raises:
        SpecError: The text is not what `encode` writes for this shape.
    """
    import numpy as np

    size = 4 * shape[0] * shape[1]
    if size > 4 * _MOST_NUMBERS:
        raise SpecError(f"{where}: expected at most {_MOST_NUMBERS:,} numbers, got {shape[0]} × {shape[1]}. {_RESTORE}")
    try:
        # One byte more than expected is enough to detect a surplus; a few kilobytes can unpack to gigabytes.
        unpacking = zlib.decompressobj()
        raw = unpacking.decompress(base64.b64decode(text, validate=True), size + 1)
    except (ValueError, zlib.error) as error:  # binascii.Error among them, and characters that aren't ASCII
        raise SpecError(f"{where}: damaged ({error}). {_RESTORE}") from error
    if len(raw) != size or not unpacking.eof:
        came = "more" if len(raw) > size else f"{len(raw) / 4:g}"
        raise SpecError(f"{where}: expected {shape[0]} × {shape[1]} numbers, got {came}. {_RESTORE}")
    whole = np.ascontiguousarray(np.frombuffer(raw, dtype=np.uint8).reshape(4, -1).T).view("<i4").reshape(shape)
    return np.asarray(whole * statistics.load(statistic, where=where).STEP, dtype=np.float64)


def make(measured: MeasuredSet, *, policy: Policy) -> Baseline:
    """Return a set's baseline from its stored scores.

    Raises:
        ScoreMissing: A required score is missing: an incomplete baseline would never detect regressions there.
    """
    holes = [
        f"{model.name} · {column}: {because(gap)}"
        for model in measured.models
        for column, gap in model.entry.states.items()
        if gap.state != "not_applicable" and policy.requires(column)
    ]
    if holes:
        raise ScoreMissing(
            f"{len(holes)} scores of set {measured.model_set.name} are missing, so no baseline was written:\n"
            + "\n".join(f"  {line}" for line in holes[:12])
            + f"\nRun: tcmbench run {measured.model_set.name}"
        )
    tasks: dict[str, BaselineTask] = {}
    for model in measured.models:
        for column in model.items:
            tasks.setdefault(column, describe(model, column))
    return Baseline(
        set=measured.model_set.name,
        suite=measured.suite.name,
        reference=measured.model_set.reference,
        packages=merged_versions(
            score.record.provenance.packages
            for model in measured.models
            for scores in model.entry.scores.values()
            for score in scores
        ),
        tasks={column.column: tasks[column.column] for column in measured.columns if column.column in tasks},
        models={model.name: _row(model) for model in measured.models},
        values={
            model.name: {
                column: encode(items.values, items.statistic, where=f"{model.name} on {column}")
                for column, items in sorted(model.items.items())
            }
            for model in measured.models
        },
    )


def describe(model: Measured, column: str) -> BaselineTask:
    """Return the description of what a model's score on a column measures."""
    record, items = model.entry.scores[column][0].record, model.items[column]
    return BaselineTask(
        task=record.task,
        split=record.split,
        subset=record.subset,
        metric=record.metric,
        statistic=record.statistic,
        items=len(items.ids),
        ids=ids_hash(items.ids),
        revision=record.task_revision,
    )


def write(path: Path, baseline: Baseline) -> bool:
    """Write a baseline atomically; return False where the file is up to date and is not rewritten.

    Raises:
        StoreError: The folder isn't writable.
    """
    if is_there(path) and _is_equal_to(path, baseline):
        return False
    write_text(path, text(baseline))
    return True


def _is_equal_to(path: Path, baseline: Baseline) -> bool:
    """Return whether a file has the same content; one without checksum, or damaged, is to be replaced."""
    try:
        return _same(read(path), baseline) and _has_checksum(strict_json.loads(path.read_text(encoding="utf-8")))
    except SpecError:
        return False


def text(baseline: Baseline) -> str:
    """Return the bytes of the file, as text."""
    fields = with_sha256(baseline.model_dump(mode="json"))
    return json.dumps(fields, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read(path: Path) -> Baseline:
    """Return a baseline.

    Raises:
        SpecError: There is none, or this version can't read it.
    """
    try:
        value = strict_json.loads(_text_of(path), finite=True)
        refuse_surrogates(value)
        # files of earlier versions have no checksum
        return Baseline.model_validate(without_sha256(value) if _has_checksum(value) else value)
    except FileNotFoundError as error:
        raise SpecError(f"{path}: no such file. Write it with: tcmbench check SET --update-baseline") from error
    except OSError as error:
        raise SpecError(f"{path}: expected a readable file, but: {error.strerror}. {_RESTORE}") from error
    except json.JSONDecodeError as error:
        raise SpecError(f"{path}:{error.lineno}: not JSON: {error.msg}. {_RESTORE}") from error
    except ValidationError as error:
        problems = in_one_line(error, whole="the file")
        raise SpecError(f"{path}: expected a file in the format {FORMAT!r}, but: {problems}. {_RESTORE}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, numbers of thousands of digits, deep nesting
        raise SpecError(f"{path}: expected a file in the format {FORMAT!r}, but: {error}. {_RESTORE}") from error


def _text_of(path: Path) -> str:
    """Return the text of a file.

    Raises:
        SpecError: It is a folder, device or pipe, or larger than a baseline can be.
    """
    if path.exists() and not path.is_file():  # opening a named pipe would block forever
        raise SpecError(f"{path}: expected a baseline file, got a folder, device or pipe. {_RESTORE}")
    if path.stat().st_size > _LARGEST_FILE:
        raise SpecError(f"{path}: expected at most {_LARGEST_FILE:,} bytes, got {path.stat().st_size:,}. {_RESTORE}")
    return path.read_text(encoding="utf-8")


_RESTORE = "Restore the file from version control, or write it again: tcmbench check SET --update-baseline"


def _has_checksum(value: object) -> bool:
    return isinstance(value, dict) and "sha256" in value


def _same(old: Baseline, new: Baseline) -> bool:
    """Return whether two baselines are equal; another zlib may write other bytes for equal values."""
    if old.model_dump(exclude={"values"}) != new.model_dump(exclude={"values"}):
        return False
    return {m: sorted(c) for m, c in old.values.items()} == {m: sorted(c) for m, c in new.values.items()} and all(
        (old.row(model, column, where="old") == new.row(model, column, where="new")).all()
        for model, columns in new.values.items()
        for column in columns
    )


def _row(model: Measured) -> BaselineModel:
    revisions = [score.record.model_revision for scores in model.entry.scores.values() for score in scores]
    return BaselineModel(
        kind=model.entry.kind,
        seeds=max((len(items.values) for items in model.items.values()), default=1),
        revisions=tuple(dict.fromkeys(revisions)),
        scores={column: round(model.points(column), 4) for column in sorted(model.items)},
    )
