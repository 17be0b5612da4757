"""What a variant's training records share with the evaluation tasks of a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.data.leakage import EvaluationTexts, LeakageReport, find_leaks, texts_of_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder, Record
    from tcmbench.evaluation.run import Plan
    from tcmbench.evaluation.tasks import Task
    from tcmbench.specs.task import TaskSpec


def report(folder: Folder, planned: Plan) -> LeakageReport:
    """Return what the train split of a folder shares with the suite's local tasks, exactly or nearly.

    Tasks of mteb's are not looked into: their data is on a hub. Documents of a knowledge base may be learned and are
    counted apart.
    """
    from tcmbench.data.formats import TrainingRow

    records = folder.splits["train"]
    rows = [TrainingRow(query=record.query(), positives=(), query_id=record.record_id) for record in records]
    evaluations = [texts for task, splits in _tasks(planned) for texts in _texts(task, splits, folder.root)]
    return find_leaks(rows, evaluations, patients=[record.patient_id for record in records])


def leaking(folder: Folder, found: LeakageReport) -> frozenset[str]:
    """Return the ids of the training records that leak."""
    records: tuple[Record, ...] = folder.splits["train"]
    return frozenset(records[number].record_id for number in found.leaking_rows)


def _tasks(planned: Plan) -> Iterator[tuple[Task, list[str]]]:
    for name, task in planned.tasks.items():
        if task.spec is not None and task.path is not None:
            yield task, [column.split for column in planned.suite.tasks if column.task == name]


def _texts(task: Task, splits: list[str], trained_on: Path) -> Iterator[EvaluationTexts]:
    spec, path = task.spec, task.path
    if spec is None or path is None:
        return
    if spec.type.startswith("syndrome_"):
        from tcmbench.data.tcm_sd import read_folder

        same = path.resolve() == trained_on.resolve()
        for texts in texts_of_folder(spec.name, read_folder(path, splits=splits), splits):
            # Patient ids mean the same patient only within one folder.
            yield (
                texts
                if same
                else EvaluationTexts(texts.task, texts.kind, texts.texts, may_be_learnt=texts.may_be_learnt)
            )
    elif spec.type == "retrieval":
        from tcmbench.task_types.retrieval import read_texts

        yield EvaluationTexts(spec.name, "queries", read_texts(path / "queries.jsonl"))
        yield EvaluationTexts(spec.name, "documents", read_texts(path / "corpus.jsonl"))
    else:
        yield EvaluationTexts(spec.name, "queries", dict(_plain_texts(spec, path, splits)))


def _plain_texts(spec: TaskSpec, path: Path, splits: list[str]) -> Iterator[tuple[str, str]]:
    from tcmbench.task_types._rows import read_rows

    fields = ("sentence1", "sentence2") if spec.type in {"sts", "pair_classification"} else ("text",)
    files = [path / f"{split}.jsonl" for split in splits] if path.is_dir() else [path]
    for file in files:
        columns = read_rows(file, dict.fromkeys(fields, str))
        for field in fields:
            for number, text in enumerate(columns[field]):
                yield f"{file.name}:{number + 1}:{field}", str(text)
