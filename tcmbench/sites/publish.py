"""Writes the page of a site beside its boards, or a folder with both, ready for a server of static files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.files import FILES, PUBLISHED
from tcmbench.errors import DataError, SpecError, StorageError
from tcmbench.sites import folder as folders
from tcmbench.sites.page import MARK, to_html
from tcmbench.store import is_free, placed, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.sites.folder import SiteBoard, UnreadBoard
    from tcmbench.workspace import Workspace


class Site(NamedTuple):
    """A written site."""

    page: Path
    """Its page."""

    boards: tuple[SiteBoard, ...]
    """What it shows."""

    left_out: tuple[SiteBoard, ...]
    """Boards that are not for publication, of a public site."""

    unread: tuple[UnreadBoard, ...]
    """Boards that can't be read; the page names them."""


def write(
    folder: Path, *, workspace: Workspace, target: Path | None = None, public: bool = False, title: str = ""
) -> Site:
    """Write the page of a folder of boards.

    Args:
        folder: Folder with a folder per board.
        workspace: Has the sets, whose files have the titles in Chinese.
        target: New folder for the page and copies of the boards; None writes the page into `folder`.
        public: Show and copy only boards for publication, and those of generated data.
        title: Heading of the page; empty for the default.

    Raises:
        DataError: No board there, or none for publication.
        SpecError: A public site without a target, or a target within the folder.
        StorageError: The target isn't free, or the folder has a page that is no site.
    """
    if public and target is None:
        raise SpecError("A public site is a folder of its own, as other boards stay beside it here. Add --output DIR.")
    read, unread = folders.boards(folder, workspace=workspace)
    shown = [board for board in read if board.may_be_published or not public]
    left_out = tuple(board for board in read if board not in shown)
    if not shown and not unread:
        names = ", ".join(board.table.name for board in left_out)
        raise DataError(f"{folder}: no board for publication among {names}. Write one: tcmbench board SET --public")
    page = to_html(shown, unread, title=title)
    if target is None:
        written = _beside(folder, page)
    else:
        _copy(shown, target, page, source=folder)
        written = target / FILES["html"]
    return Site(written, tuple(shown), left_out, tuple(unread))


def _beside(folder: Path, page: str) -> Path:
    path = folder / FILES["html"]
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise StorageError(f"{path}: expected the page of a site, or none, got another page. Move it, or use --output.")
    write_text(path, page)
    return path


def _copy(boards: Sequence[SiteBoard], target: Path, page: str, *, source: Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise SpecError(f"{target}: expected a folder outside {source}, where it would be taken for boards.")
    if not is_free(target):
        raise StorageError(f"{target}: expected a new or empty folder. Choose another one, or remove it.")
    with placed(target) as part:
        write_text(part / FILES["html"], page)
        for board in boards:
            (part / board.folder.name).mkdir()
            for name in PUBLISHED:
                shutil.copyfile(board.folder / name, part / board.folder.name / name)
