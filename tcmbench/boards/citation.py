"""The BibTeX line of a board: names the result by its digest, so that it is citable without an address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcmbench.boards.table import Table


def to_bibtex(table: Table) -> str:
    """Return one BibTeX entry on one line."""
    key = re.sub(r"[^a-z0-9]+", "-", table.name.lower()).strip("-") or "board"
    title = re.sub(r"[{}\\%#$&_^~\s]+", " ", table.title.en).strip()[:160]
    return (
        f"@misc{{tcmbench-{key}-{table.digest[:12]}, title = {{{title}}}, author = {{The tcmbench authors}}, "
        f"howpublished = {{tcmbench board, sha256:{table.digest}}}}}"
    )
