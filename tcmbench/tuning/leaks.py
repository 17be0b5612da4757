"""What a variant's training records share with the evaluation tasks of a suite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from tcmbench.data.leakage import EvaluationTexts, LeakageReport, find_leaks
from tcmbench.errors import StoreError
from tcmbench.evaluation.tasks import layout
from tcmbench.store import key, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.evaluation.run import Plan
    from tcmbench.evaluation.tasks import Task
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.tuning.training_data import TrainingData
    from tcmbench.workspace import Workspace


KIND = "leaks"
_STAGE = "leaks 2"


@dataclass(frozen=True, slots=True)
class Leaks:
    """What training records share with the tasks of a suite."""

    summary: str
    """In one line."""

    records: frozenset[str]
    """Ids of the training records that leak."""


def find(workspace: Workspace, data: TrainingData, planned: Plan) -> Leaks:
    """Return what the train split shares with the suite's local tasks, exactly or nearly; looked for once.

    The whole report, with examples by id, stays in the store. Tasks of mteb's are not looked into: their data is on a
    hub. Documents of a knowledge base may be learned and are counted apart.
    """
    looked = sorted((column.task, column.split, planned.tasks[column.task].revision) for column in _columns(planned))
    store = workspace.store
    name = key(_STAGE, {"data": data.sha256, "root": data.root.name, "tasks": [list(column) for column in looked]})
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            folder = data.read()
            found = report(folder, planned)
            leaking = sorted(folder.splits["train"][number].record_id for number in found.leaking_rows)
            with store.build(KIND, name) as part:
                write_json(part / "report.json", {"summary": found.summary(), "records": [*leaking], **found.to_json()})
    kept = read_json(store.path(KIND, name) / "report.json")
    if not isinstance(kept, dict) or not isinstance(kept.get("records"), list):
        raise StoreError(f"{store.path(KIND, name)}: expected a leakage report. Delete the folder and run again.")
    return Leaks(str(kept["summary"]), frozenset(str(record) for record in cast("list[str]", kept["records"])))


def report(folder: Folder, planned: Plan) -> LeakageReport:
    """Return the whole report on a folder's train split."""
    from tcmbench.data.formats import TrainingRow

    records = folder.splits["train"]
    rows = [TrainingRow(query=record.query(), positives=(), query_id=record.record_id) for record in records]
    evaluations = [texts for task, splits in _tasks(planned) for texts in _texts(task, splits, folder.root)]
    return find_leaks(rows, evaluations, patients=[record.patient_id for record in records])


def _columns(planned: Plan) -> list[SuiteTask]:
    return [column for column in planned.suite.tasks if column.task in planned.tasks]


def _tasks(planned: Plan) -> Iterator[tuple[Task, list[str]]]:
    for name, task in planned.tasks.items():
        if task.spec is not None and task.path is not None:
            yield task, [column.split for column in planned.suite.tasks if column.task == name]


def _texts(task: Task, splits: list[str], trained_on: Path) -> Iterator[EvaluationTexts]:
    spec, path = task.spec, task.path
    if spec is None or path is None:
        return
    same = path.resolve() == trained_on.resolve()
    for texts in layout(spec).evaluation_texts(spec.name, path, splits):
        # Patient ids mean the same patient only within one folder.
        yield texts if same else replace(texts, patients=frozenset())
