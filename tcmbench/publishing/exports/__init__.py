"""Exports of a board to other formats and trackers; one file is one export.

CAN_BE_ONLINE: bool              whether it can send results to a server
def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]    what was written, one line each
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from tcmbench import plugins, tasks
from tcmbench.boards import publish
from tcmbench.errors import SpecError
from tcmbench.models.given import in_set
from tcmbench.runs import gather
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class StoredBoard:
    """The board of a set, with what it was computed from."""

    workspace: Workspace
    table: Table
    planned: PlannedSuite
    entries: Sequence[Entry]

    @property
    def name(self) -> str:
        """Name of the set."""
        return self.table.name


class Export(Protocol):
    """A module of this folder."""

    CAN_BE_ONLINE: bool
    """Whether it can send results to a server, where the user asks for it."""

    def write(self, board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
        """Write a board and return what was written, one line each.

        Args:
            board: The board.
            folder: Where files go; it may hold those of earlier exports.
            is_online: Whether results are sent to the server that the library is set up for.

        Raises:
            MissingExtra: The library isn't installed.
        """
        ...


def names() -> list[str]:
    """Return the names of all exports."""
    return plugins.names("exports")


def load(name: str) -> Export:
    """Return an export by name.

    Raises:
        UnknownName: There is none.
    """
    return cast("Export", plugins.load("exports", name, where="--to"))


def stored_board(workspace: Workspace, name: str) -> StoredBoard:
    """Return the board of a set from stored scores.

    Raises:
        SpecError: The set is a quick look, whose scores are not those of its tasks.
    """
    workspace, model_set = in_set(workspace, workspace.spec(ModelSet, name))
    planned = tasks.plan_set(workspace, model_set)
    if planned.suite.limit is not None:
        raise SpecError(
            f"set {name}: suite {planned.suite.name} is a quick look (limit = {planned.suite.limit}), and other tools "
            "would take its scores for those of the tasks. Name a suite without a limit."
        )
    entries = gather.entries(workspace, model_set, planned)
    return StoredBoard(workspace, publish.table(workspace, model_set, planned, entries), planned, entries)


def export(board: StoredBoard, name: str, *, folder: Path | None = None, is_online: bool = False) -> list[str]:
    """Export a board and return what was written, one line each.

    Args:
        board: The board.
        name: Name of the export.
        folder: Where files go; None: `reports/generated/SET-NAME`.
        is_online: Whether results are sent to a server.

    Raises:
        UnknownName: No such export.
        SpecError: It can't send results anywhere.
        MissingExtra: Its library isn't installed.
    """
    chosen = load(name)
    if is_online and not chosen.CAN_BE_ONLINE:
        raise SpecError(f"--online: the export {name} writes files only. Leave it out.")
    return chosen.write(board, folder or board.workspace.reports / f"{board.name}-{name}", is_online=is_online)
