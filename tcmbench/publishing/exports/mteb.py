"""The layout of mteb's results repository: `results/<model>/<revision>/<task>.json` with `model_meta.json`.

The files are mteb's own results of each score, the splits of a task merged, one model per seed. Names and revisions are
tcmbench's (`tcmbench/<name>`, a hash of weights and prompts): they claim nothing about a model of the hub.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.encoders import model_meta
from tcmbench.errors import EvaluationError, TcmbenchError
from tcmbench.publishing import tuned
from tcmbench.publishing.model_index import RESULT
from tcmbench.specs.base import Base
from tcmbench.specs.task import TaskSpec
from tcmbench.specs.views import base_name
from tcmbench.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mteb.models import ModelMeta
    from mteb.results import TaskResult

    from tcmbench.publishing.exports import StoredBoard
    from tcmbench.records.entry import Entry
    from tcmbench.records.score import Score

CAN_BE_ONLINE = False
_META = "model_meta.json"
_SPLIT = re.compile(r"(^|[-_.])(train|training|dev|val|valid|validation|eval|test)(?=[-_.]|$)", re.IGNORECASE)
"""Name of a split in that of a file."""


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write the results of every model; other files of the folder, such as a clone of the repository's, stay."""
    from mteb.cache import ResultCache

    del is_online
    cache, files, models = ResultCache(folder), 0, [*_models(board)]
    for one in models:
        for name, scores in one.tasks.items():
            path = cache.get_task_result_path(name, one.meta)
            write_text(path, _text(_merged(scores)))
            write_text(path.parent / _META, json.dumps(one.meta.to_dict(), default=str, indent=4) + "\n")
            files += 1
    said = [f"{folder / 'results'}: {files} results of {len(models)} models, one per seed"]
    sampled = [column for column in board.planned.suite.tasks if board.planned.suite.limit_of(column) is not None]
    if sampled:
        names = ", ".join(column.column for column in sampled)
        said.append(f"left out, as they are measured on samples of their tasks: {names}")
    return said


class _Measured(NamedTuple):
    """One model as mteb sees it."""

    meta: ModelMeta
    tasks: Mapping[str, Sequence[Score]]
    """Task → its scores, one per split and subset."""


def _models(board: StoredBoard) -> Iterator[_Measured]:
    """Yield every model of a board, each seed by itself, without scores of samples."""
    whole = {column.column for column in board.planned.suite.tasks if board.planned.suite.limit_of(column) is None}
    for entry in board.entries:
        of_model: dict[tuple[str, str], dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
        for column, scores in entry.scores.items():
            for score in scores if column in whole else ():
                of_model[score.record.model, score.record.model_revision][score.record.task].append(score)
        for (name, revision), tasks in of_model.items():
            yield _Measured(_meta(board, entry, name, revision), tasks)


def _meta(board: StoredBoard, entry: Entry, name: str, revision: str) -> ModelMeta:
    """Return the description of a model, with what the board knows of its training."""
    base = board.workspace.spec(Base, entry.base if entry.base is not None else entry.name)
    meta = model_meta(base, name=name, revision=revision)
    facts: dict[str, Any] = {}
    if entry.kind == "variant":
        facts["adapted_from"] = base.hub_id or f"tcmbench/{base.name}"
        facts["training_datasets"] = _trained_on(board, entry)
    return meta.model_copy(update=facts)


def _trained_on(board: StoredBoard, entry: Entry) -> set[str] | None:
    """Return the tasks whose data a variant was trained on, by which mteb marks scores that aren't zero-shot.

    None where that isn't known, as for models that were tuned elsewhere, or on data outside of the data root.
    """
    leaves = tuned.leaves(board.workspace, _set_of(board), entry.name)
    paths = [PurePosixPath(source.path) for variant in leaves for source in variant.sources]
    if not paths or any(path.is_absolute() for path in paths):
        return None
    specs = [spec for _, spec in board.workspace.specs(TaskSpec) if not isinstance(spec, TcmbenchError)]
    names = {spec.name for spec in specs if any(_is_of_one_data_set(path, PurePosixPath(spec.path)) for path in paths)}
    return names | {column.task for column in board.planned.suite.tasks if base_name(column.task) in names}


def _is_of_one_data_set(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Return whether two paths are of one data set: one in the other, or files that differ by a split's name."""
    if one.is_relative_to(other) or other.is_relative_to(one):
        return True
    stems = {_SPLIT.sub("", path.stem) for path in (one, other)}
    return one.parent == other.parent and len(stems) == 1


def _set_of(board: StoredBoard) -> Any:
    from tcmbench.specs.model_set import ModelSet

    return board.workspace.spec(ModelSet, board.name)


def _merged(scores: Sequence[Score]) -> TaskResult:
    """Return mteb's results of a task's splits and subsets as one.

    Raises:
        EvaluationError: One can't be read.
    """
    from mteb.results import TaskResult

    merged: TaskResult | None = None
    for score in scores:
        path = score.folder / RESULT
        try:
            result = TaskResult.from_disk(path, load_historic_data=False)
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"{path}: expected a result of mteb, but: {error}. Remove the folder and run again."
            ) from error
        merged = result if merged is None else merged.merge(result)
    if merged is None:
        raise EvaluationError("expected at least one score of a task, got none")
    return merged


def _text(result: TaskResult) -> str:
    """Return the file as mteb writes it."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        result.to_disk(path := Path(folder) / "result.json")
        return path.read_text(encoding="utf-8") + "\n"
