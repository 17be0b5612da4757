"""The BibTeX line of a board: names the result by its label and digest, so that it is citable without an address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tcmbench.version import __version__

if TYPE_CHECKING:
    from tcmbench.boards.table import Table


def to_bibtex(table: Table) -> str:
    """Return one BibTeX entry on one line; without an author it names set and program only."""
    key = re.sub(r"[^a-z0-9]+", "-", table.label.lower()).strip("-")
    author = f"author = {{{_plain(table.author)}}}, " if table.author else ""
    return (
        f"@misc{{tcmbench-{key}, title = {{{_plain(table.title.en)}}}, {author}"
        f"howpublished = {{Board {_plain(table.label)} by tcmbench {__version__}}}, note = {{sha256:{table.digest}}}}}"
    )


def _plain(text: str) -> str:
    """Return text without characters that have a meaning in BibTeX."""
    return re.sub(r"[{}\\%#$&^~\s]+", " ", text).strip()[:160].replace("_", r"\_")
