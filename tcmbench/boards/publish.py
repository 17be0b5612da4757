"""The files of a set's board: computed once, kept in the store, copied to `leaderboards/<set>/`."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.runs import cards as task_cards
from tcmbench.runs import gather
from tcmbench.store import atomic_write, key, tree_sha256

if TYPE_CHECKING:
    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    entries: tuple[Entry, ...]
    """One a model, in the set's order."""

    files: tuple[Path, ...]
    """What was written."""

    missing: tuple[str, ...]
    """`model · column: reason` of every score that should be there and isn't."""


def write_board(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, entries: list[Entry]) -> Result:
    """Write the board of a set and say what is missing on it."""
    files = _board_files(workspace, model_set, planned, entries)
    return Result(tuple(entries), tuple(files), gather.missing(entries))


def stored_board(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, entries: list[Entry]) -> Path:
    """Return the folder of the store with the files of a board; it is worked out once, as that takes a minute."""
    cards = task_cards.task_cards(workspace, planned, variants=workspace.variants(model_set))
    package = Path(__file__).parent.parent
    code = [
        p for name in ("boards", "stats") for p in (package / name).rglob("*") if p.is_file() and p.suffix != ".pyc"
    ]
    name = key(
        "board 2",
        {
            "entries": repr(entries),
            "cards": repr(cards),
            "set": model_set.model_dump_json(),
            "suite": planned.suite.model_dump_json(),
            "code": tree_sha256(code, root=package),
            "columns": [column.identity() for column in plugins.of_other_packages("columns")],
            "packages": {name: importlib.metadata.version(name) for name in ("jinja2", "matplotlib")},
        },
    )
    store = workspace.store
    if not store.has("boards", name):
        from tcmbench.boards import build, render

        table = build.build(model_set, planned.suite, entries, options=build.Options(cards=cards))
        with store.build("boards", name) as part:
            render.write(table, part, names=render.WRITERS)
    return store.path("boards", name)


def _board_files(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, entries: list[Entry]) -> list[Path]:
    from tcmbench.boards.render import PUBLISHED

    made = stored_board(workspace, model_set, planned, entries)
    written = []
    for name in PUBLISHED:
        target = workspace.leaderboards / model_set.name / name
        with atomic_write(target) as part:
            part.write_bytes((made / name).read_bytes())
        written.append(target)
    return written
