"""Leaks: overlap of a variant's training and dev records with the evaluation tasks of a suite."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from tcmbench.data import reading
from tcmbench.data.leakage import EvaluationTexts, LeakageReport, find_leaks, joined
from tcmbench.errors import StoreError
from tcmbench.records.reason import Reasons
from tcmbench.specs.views import base_name
from tcmbench.store import key, read_json, write_json
from tcmbench.tasks import layout
from tcmbench.tuning.training_data import row_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.task import Task
    from tcmbench.store import Json
    from tcmbench.tuning.training_data import TrainingData
    from tcmbench.workspace import Workspace


KIND = "leaks"
_STAGE = "leaks 8"
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Leaks:
    """Overlap of training records with the tasks of a suite."""

    summary: Reasons
    """In one line."""

    records: frozenset[str]
    """Ids of the training records that leak."""

    dev: frozenset[str]
    """Ids of the records of the dev split that do; cures choose their settings by these."""

    path: Path
    """The whole report, with examples by id."""


def find(workspace: Workspace, data: TrainingData, planned: PlannedSuite) -> Leaks:
    """Return the exact and near overlap of the train and dev splits with the suite's local tasks; computed once.

    The full report on the train split, with examples by id, stays in the store. Tasks of mteb are not checked, as their
    data is on a hub, nor are tasks whose data is absent; the summary names both. Documents of a knowledge base may be
    trained on and are counted separately.
    """
    store, name = workspace.store, _key(data, planned)
    path = store.path(KIND, name) / "report.json"
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            full, leaking = _report_of_rows(data, planned) if data.is_streamed else _report_of_records(data, planned)
            with store.build(KIND, name) as part:
                summary = full.summary()
                said: dict[str, Json] = {"summary": str(summary), "findings": summary.to_json(), **leaking}
                write_json(part / "report.json", {**said, **full.to_json()})
    kept = read_json(path)
    lists = ("findings", "records", "dev")
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), list) for name in lists):
        raise StoreError(f"{path}: expected a leakage report. Delete it and run again.")
    return Leaks(
        Reasons.from_json(kept["findings"]),
        frozenset(str(record) for record in cast("list[str]", kept["records"])),
        frozenset(str(record) for record in cast("list[str]", kept["dev"])),
        path,
    )


def _report_of_records(data: TrainingData, planned: PlannedSuite) -> tuple[LeakageReport, dict[str, Json]]:
    """Return the report on the train split, and the ids of the records of both splits that leak."""
    folder = data.read()
    full = report(folder, planned)
    dev = report(folder, planned, split="dev").leaking_rows if folder.splits.get("dev") else ()
    leaking = {"records": ("train", full.leaking_rows), "dev": ("dev", dev)}
    ids: dict[str, Json] = {
        name: [*sorted(folder.splits[split][number].record_id for number in numbers)]
        for name, (split, numbers) in leaking.items()
    }
    return full, ids


def _report_of_rows(data: TrainingData, planned: PlannedSuite) -> tuple[LeakageReport, dict[str, Json]]:
    """Return the report on rows that may not fit into memory, and the ids of those that leak; there is no dev split."""
    evaluations = evaluation_texts(planned, trained_on=data.root)
    parts: list[LeakageReport] = []
    leaking: list[str] = []
    rows = enumerate(data.rows())
    while part := list(itertools.islice(rows, _ROWS_AT_ONCE)):
        chunk = [replace(row, query_id=row_id(number)) for number, row in part]
        parts.append(find_leaks(chunk, evaluations))
        leaking += [chunk[number].query_id for number in parts[-1].leaking_rows]
    full = joined(parts)
    return replace(full, not_looked_into=_not_looked_into(planned)), {"records": [*leaking], "dev": []}


def report(folder: Folder, planned: PlannedSuite, *, split: str = "train") -> LeakageReport:
    """Return the full report on a split of a folder: its records, and the documents of their syndromes."""
    from tcmbench.data.formats import TrainingRow

    records = folder.splits[split]
    documents = {syndrome.doc_id: syndrome.document() for syndrome in folder.knowledge}
    rows = [
        TrainingRow(record.query(), tuple(documents[label] for label in record.labels), query_id=record.record_id)
        for record in records
    ]
    evaluations = evaluation_texts(planned, trained_on=folder.root)
    found = find_leaks(rows, evaluations, patients=[record.patient_id for record in records])
    return replace(found, not_looked_into=_not_looked_into(planned))


def evaluation_texts(planned: PlannedSuite, *, trained_on: Path | None = None) -> list[EvaluationTexts]:
    """Return the texts of the suite's local tasks, views of a task only once.

    Args:
        planned: The suite.
        trained_on: Folder of the training data. Tasks in the same folder have its patients, and documents that may be
            learnt: the splits of a folder differ in their queries.
    """
    once = [(task, splits) for task, splits in _tasks(planned) if not _is_repeated(task, splits, planned)]
    return [texts for task, splits in once for texts in _texts(task, splits, trained_on)]


def inputs_of(planned: PlannedSuite) -> dict[str, Json]:
    """Return what the findings depend on besides the texts that leaks are looked for in."""
    columns = [column for column in planned.suite.tasks if column.task in planned.tasks]
    tasks = sorted((column.task, column.split, planned.tasks[column.task].revision) for column in columns)
    return {"tasks": [list(task) for task in tasks], "not_looked_into": [*_not_looked_into(planned)]}


def _key(data: TrainingData, planned: PlannedSuite) -> str:
    own = sorted(task.name for task, _ in _tasks(planned) if _is_of_folder(task, data.root))
    return key(_STAGE, {"data": data.sha256, "of_same_folder": [*own], **inputs_of(planned)})


def _not_looked_into(planned: PlannedSuite) -> tuple[str, ...]:
    looked_into = {task.name for task, _ in _tasks(planned)}
    return tuple(sorted({column.task for column in planned.suite.tasks} - looked_into))


def _tasks(planned: PlannedSuite) -> Iterator[tuple[Task, list[str]]]:
    """Yield the tasks whose texts are on this machine, each with the splits that are measured."""
    for name, task in planned.tasks.items():
        if task.spec is not None and task.path is not None:
            yield task, [column.split for column in planned.suite.tasks if column.task == name]


def _is_repeated(task: Task, splits: list[str], planned: PlannedSuite) -> bool:
    """Return whether a task is a view of another one of the suite: leaks are found in whole records, so in the same."""
    base = base_name(task.name)
    others = {column.split for column in planned.suite.tasks if column.task == base}
    return base != task.name and others.issuperset(splits)


def _texts(task: Task, splits: list[str], trained_on: Path | None) -> Iterator[EvaluationTexts]:
    spec, path = task.spec, task.path
    if spec is None or path is None:
        return
    with reading.pinned(dict(task.contents)):
        read = list(layout(spec).evaluation_texts(spec.name, path, splits))
    is_own = _is_of_folder(task, trained_on)
    for texts in read:
        if not is_own:
            yield replace(texts, patients=frozenset())
        elif texts.kind == "documents":
            yield replace(texts, may_be_learnt=True)
        else:
            yield texts


def _is_of_folder(task: Task, trained_on: Path | None) -> bool:
    """Return whether a task reads the folder of the training data: only then do equal ids mean the same patient."""
    return trained_on is not None and task.path is not None and task.path.resolve() == trained_on.resolve()
