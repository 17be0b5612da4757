"""The boards of a folder: one folder each, with the page and its `scores.json`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter, ValidationError

from tcmbench import strict_json
from tcmbench.boards import document
from tcmbench.boards.files import FILES
from tcmbench.boards.texts import both
from tcmbench.errors import DataError, TcmbenchError
from tcmbench.records.search import SearchOutcome
from tcmbench.sites.dates import last_changed
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.workspace import Workspace

_SEARCH = "search.json"


@dataclass(frozen=True, slots=True)
class SiteBoard:
    """A board of a site."""

    folder: Path
    """Its folder."""

    table: Table
    """Its content."""

    changed: dt.date | None
    """Day of the last change of its scores; None where that is unknown."""

    @property
    def may_be_published(self) -> bool:
        """Whether it was written for publication, or its data is generated."""
        return self.table.public or self.table.synthetic

    @property
    def missing(self) -> int:
        """Number of cells without the score that they should have."""
        cells = (cell for row in self.table.rows for cell in row.cells.values())
        return sum(cell.status not in {"measured", "not_applicable"} for cell in cells)


class UnreadBoard(NamedTuple):
    """A board that can't be shown."""

    folder: Path
    reason: str


def boards(folder: Path, *, workspace: Workspace) -> tuple[list[SiteBoard], list[UnreadBoard]]:
    """Return the boards of a folder, the newest first, and those that can't be read.

    Args:
        folder: Folder with a folder per board.
        workspace: Has the sets, whose files have the titles in Chinese.

    Raises:
        DataError: No board there.
    """
    read, unread = [], []
    for path in sorted(folder.glob(f"*/{FILES['json']}")):
        try:
            read.append(_board(path, workspace))
        except DataError as error:
            unread.append(UnreadBoard(path.parent, str(error)))
    if not read and not unread:
        raise DataError(
            f"{folder}: expected boards, folders with {FILES['html']} and {FILES['json']}. Write one: tcmbench run SET"
        )
    # Two sorts, of which the second keeps the order of the first: boards of one day are in the order of their names.
    read.sort(key=lambda board: board.changed.toordinal() if board.changed else 0, reverse=True)
    return read, unread


def _board(path: Path, workspace: Workspace) -> SiteBoard:
    table, folder = document.read(path), path.parent
    page = folder / FILES["html"]
    if not page.is_file() or table.digest not in page.read_text(encoding="utf-8"):
        raise DataError(f"{page}: expected the page of the scores beside it. Write both: tcmbench board {table.name}")
    search = _search(folder / _SEARCH)
    return SiteBoard(folder, replace(_in_chinese(table, workspace), search=search), last_changed(path))


def _search(path: Path) -> SearchOutcome | None:
    if not path.is_file():
        return None
    try:
        content = strict_json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(SearchOutcome).validate_python(content)
    except (ValueError, ValidationError) as error:
        raise DataError(
            f"{path}: not the outcome of a search by this version. Run it again: tcmbench search"
        ) from error


def _in_chinese(table: Table, workspace: Workspace) -> Table:
    """Return the table with the title in both languages, where its set is here and still has that title."""
    try:
        spec = workspace.spec(ModelSet, table.name)
    except TcmbenchError:
        return table
    return replace(table, title=both(spec.title, spec.title_zh)) if spec.title == table.title.en else table
