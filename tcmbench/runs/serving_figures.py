"""What the models of a set cost to run, as it was measured for a set: read for boards, without what measures it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from tcmbench.errors import DamagedArtefact, SpecError
from tcmbench.records.entry import Cost, Serving
from tcmbench.store import key, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.workspace import Workspace

KIND = "serving"
FILE = "serving.json"
_STAGE = "serving 1"


def attached(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, entries: Sequence[Entry]) -> list[Entry]:
    """Return entries with what their models cost to run, where it was measured for this set and these weights."""
    rows = _stored(workspace, model_set, planned)
    return [_with(entry, rows) for entry in entries] if rows else list(entries)


def _with(entry: Entry, rows: Mapping[str, Serving]) -> Entry:
    revisions = [score.record.model_revision for scores in entry.scores.values() for score in scores[:1]]
    known = next((rows[revision] for revision in revisions if revision in rows), None)
    return entry if known is None else replace(entry, cost=replace(entry.cost or Cost(), serving=known))


def _stored(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> dict[str, Serving]:
    try:
        folder = workspace.store.open(KIND, key_of(model_set, planned), FILE)
    except (DamagedArtefact, SpecError):
        return {}
    content = {} if folder is None else read_json(folder / FILE)
    rows = content.get("rows") if isinstance(content, dict) else None
    known = TypeAdapter(dict[str, Serving])
    return known.validate_python(rows) if isinstance(rows, dict) else {}


def key_of(model_set: ModelSet, planned: PlannedSuite) -> str:
    """Return the key of a set's figures: those of another machine replace them, and say on which they were taken."""
    column = column_of(model_set, planned)
    revision = planned.tasks[column.task].measured_revision
    return key(_STAGE, {"set": model_set.name, "column": column.column, "task": revision})


def column_of(model_set: ModelSet, planned: PlannedSuite) -> SuiteTask:
    """Return the first column whose documents are searched.

    Raises:
        SpecError: The suite has none.
    """
    for column in planned.suite.tasks:
        if column.task in planned.tasks and planned.tasks[column.task].needs == "documents":
            return column
    raise SpecError(
        f"set {model_set.name}: suite {planned.suite.name} has no task whose documents are searched, so a query has "
        "nothing to be timed on. Name a suite with one."
    )
