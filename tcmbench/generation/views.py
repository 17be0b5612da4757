"""Query views: a task's data with its queries in another form, written by a chat model, as data of its own.

`query2doc` appends a passage that the model writes in answer to the query (Query2Doc, Wang et al., 2023); `keywords`
replaces the query by its keywords. Documents and judgements stay, so the scores of a model on the task and on its
views show what the form of the queries is worth.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench import plugins, tasks
from tcmbench.data import location, tables, tcm_sd_files
from tcmbench.data.formats import Collection, Document, beir, gather
from tcmbench.data.formats._rows import require_empty, write_rows
from tcmbench.data.tcm_sd import RECORD_FIELDS, anonymous_patient, read_folder
from tcmbench.errors import DataAbsent, SpecError
from tcmbench.generation.marks import GENERATOR, SYNTHETIC
from tcmbench.generation.parsing import keywords_in, passage_in
from tcmbench.generation.templates import keywords_prompt, passage_prompt
from tcmbench.specs.task import TaskSpec
from tcmbench.store import placed, write_json
from tcmbench.task_types._layouts import Beir, PairsFile, TcmSd
from tcmbench.tasks.given import with_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.data.tcm_sd import Record, RecordField
    from tcmbench.generation.chat import Chat, ChatAnswer
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

ViewKind = Literal["query2doc", "keywords"]

PROMPTS: dict[ViewKind, Callable[[str], str]] = {"query2doc": passage_prompt, "keywords": keywords_prompt}

REPORT = "report.json"
"""File of a view's folder that says how it was made."""


class ViewSource(NamedTuple):
    """The data of a task whose queries have another form in a view."""

    path: Path
    spec: TaskSpec

    @property
    def record_fields(self) -> tuple[RecordField, ...]:
        """Fields of the records that the task reads."""
        options = plugins.use("task_types", self.spec.type, self.spec.options).options
        chosen: tuple[RecordField, ...] = getattr(options, "record_fields", tuple(RECORD_FIELDS))
        return chosen


def find(workspace: Workspace, what: str) -> ViewSource:
    """Return the data of a task, by its name or by the path of the data.

    Raises:
        DataAbsent: There is neither such a task nor such a path.
        DataError: No task can be made of the data.
        SpecError: The task has no queries.
    """
    if workspace.has_task(what):
        spec = workspace.spec(TaskSpec, what)
    elif (path := Path(what).expanduser()).exists():
        workspace, spec = with_data(workspace, path)
    else:
        raise DataAbsent(Path(what), what="The data of a task", how="Correct the path, or name a task.")
    if not isinstance(tasks.layout(spec), TcmSd | Beir | PairsFile):
        raise SpecError(f"{what}: expected a task whose queries search documents, got one of type {spec.type}.")
    return ViewSource(location.locate(workspace, spec.path), spec)


def write(
    source: ViewSource,
    folder: Path,
    *,
    kind: ViewKind,
    chat: Chat,
    watch: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write the view of a task, and return what became of how many queries.

    A TCM-SD folder is written as one, with patients and labels, all other data as a BEIR folder. A query whose answer
    is a refusal or can't be read stays as it is, and is counted.

    Args:
        source: The task's data; its splits are written.
        folder: New or empty folder, which is complete or stays as it is.
        kind: Form of the queries.
        chat: Writes them.
        watch: Called with the number of answers that are there, and of all.

    Raises:
        DataError: The folder isn't empty, or the task's data can't be used.
        ModelAbsent, EvaluationError: The server can't be reached, or doesn't answer as it should.
    """
    require_empty(folder)
    layout = tasks.layout(source.spec)
    if isinstance(layout, TcmSd):
        return _write_tcm_sd(source, folder, kind=kind, chat=chat, watch=watch)
    collection = _collection(source)
    added = _forms(list(collection.queries.values()), kind=kind, chat=chat, watch=watch)
    queries = {
        query_id: _joined(query, new, kind)
        for (query_id, query), new in zip(collection.queries.items(), added, strict=True)
    }
    with placed(folder) as part:
        beir.write(Collection(queries, collection.corpus, collection.qrels), part)
        return _report(part, source, added, kind=kind, chat=chat)


def _forms(
    queries: Sequence[str], *, kind: ViewKind, chat: Chat, watch: Callable[[int, int], None] | None
) -> list[str | None]:
    """Return the passage or keywords for each query; None where the answer has none."""
    answers = chat.answers([PROMPTS[kind](query) for query in queries], watch=watch)
    return [_form(answer, kind) or None for answer in answers]


def _form(answer: ChatAnswer, kind: ViewKind) -> str:
    # A passage that was cut off still describes what is sought: Query2Doc limits its length too.
    if kind == "query2doc":
        return passage_in(answer.text)
    return keywords_in(answer.text) if answer.ending == "whole" else ""


def _joined(query: str, new: str | None, kind: ViewKind) -> str:
    if new is None:
        return query
    return f"{query.rstrip()}\n{new}" if kind == "query2doc" else new


def _collection(source: ViewSource) -> Collection:
    """Return the queries that a task measures, and its documents and judgements."""
    columns = tasks.layout(source.spec).columns
    if source.path.is_file():
        (split,) = source.spec.splits
        whole = gather(tables.training_rows(source.path, columns), split=split).collection
        qrels = whole.answered(split)
        return replace(whole, queries={query: whole.queries[query] for query in qrels}, qrels={split: qrels})
    read = {split: beir.read_split(source.path, split, columns) for split in source.spec.splits}
    return Collection(
        queries={query_id: text for part in read.values() for query_id, text in part.queries.items()},
        corpus={doc_id: Document(text) for part in read.values() for doc_id, text in part.documents.items()},
        qrels={split: part.judgements.qrels for split, part in read.items()},
    )


def _write_tcm_sd(
    source: ViewSource, folder: Path, *, kind: ViewKind, chat: Chat, watch: Callable[[int, int], None] | None
) -> dict[str, int]:
    fields = source.record_fields
    splits = read_folder(source.path, splits=source.spec.splits).splits
    records = [(split, record) for split, its in splits.items() for record in its]
    added = _forms([record.query(fields) for _, record in records], kind=kind, chat=chat, watch=watch)
    rows: dict[str, list[dict[str, Json]]] = {split: [] for split in splits}
    for (split, record), new in zip(records, added, strict=True):
        rows[split].append(_record(record, split, fields, new, kind))
    with placed(folder) as part:
        for file in tcm_sd_files.find(source.path, []).common:
            shutil.copyfile(file, part / file.name)
        for split, its in rows.items():
            write_rows(its, part / f"{split}.jsonl")
        return _report(part, source, added, kind=kind, chat=chat)


def _record(
    record: Record, split: str, fields: Sequence[RecordField], new: str | None, kind: ViewKind
) -> dict[str, Json]:
    """Return a record whose text is the new query: keywords as chief complaint, or a passage after its last field."""
    texts: dict[str, str] = {field: getattr(record, field) for field in fields}
    if new is not None and kind == "keywords":
        texts = {"chief_complaint": new}
    elif new is not None:
        last = [field for field, text in texts.items() if text][-1:] or ["chief_complaint"]
        texts[last[0]] = f"{texts.get(last[0], '')}\n{new}".strip()
    is_anonymous = record.patient_id == anonymous_patient(split, record.record_id)
    return {
        "example_id": record.record_id,
        **({} if is_anonymous else {"patient_id": record.patient_id}),
        "norm_syndrome": list(record.labels),
        "lcd_name": record.disease,
        "chief_complaint": texts.get("chief_complaint", ""),
        "description": texts.get("history", ""),
        "detection": texts.get("examination", ""),
    }


def _report(
    part: Path, source: ViewSource, added: Sequence[str | None], *, kind: ViewKind, chat: Chat
) -> dict[str, int]:
    counts = Counter("unchanged" if new is None else "rewritten" for new in added)
    report: dict[str, Json] = {
        SYNTHETIC: True,
        GENERATOR: chat.model.model_dump(mode="json"),
        "kind": kind,
        "source": {"name": source.spec.name, "type": source.spec.type, "splits": list(source.spec.splits)},
        "counts": dict(counts),
        "costs": dict(chat.costs),
    }
    write_json(part / REPORT, report)
    return dict(counts)
