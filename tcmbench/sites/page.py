"""`index.html` of a site: one self-contained page, without a server or network requests; its boards are links."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tcmbench.boards import answer, assets, markup, texts
from tcmbench.boards.files import FILES
from tcmbench.sites import card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.sites.folder import SiteBoard, UnreadBoard

TEMPLATES = Path(__file__).parent / "templates"

MARK = '<meta name="generator" content="tcmbench site">'
"""In every page of a site, by which it is recognised."""


def to_html(boards: Sequence[SiteBoard], unread: Sequence[UnreadBoard] = (), *, title: str = "") -> str:
    """Return the page.

    Args:
        boards: What it shows, in this order.
        unread: What it names as unreadable.
        title: Its heading; empty for the default.
    """
    scripts = [markup.own(assets.script("look.js")), markup.own(assets.script("site.js", folder=TEMPLATES))]
    css = f"{assets.style('board.css')}\n{assets.style('site.css', folder=TEMPLATES)}"
    page = markup.environment(TEMPLATES).get_template("site.html.j2")
    return page.render(
        boards=boards,
        unread=unread,
        title=texts.same(title) if title else texts.text("site.title"),
        mark=markup.own(MARK),
        css=markup.own(css),
        scripts=scripts,
        script_hashes=markup.hashes(scripts),
        card=card,
        answer=answer,
        page=FILES["html"],
        data=[FILES["csv"], FILES["json"]],
        quote=quote,
        words=_words,
        found=texts.text("site.found"),
    )


def _words(board: SiteBoard) -> str:
    """Return what a search finds a board by, besides what it shows."""
    table = board.table
    names = [table.name, table.description.en, *table.title]
    names += [name for row in table.rows for name in (row.name, row.title)]
    names += [name for column in table.columns for name in (column.name, column.title)]
    return texts.clip(" ".join(dict.fromkeys(names)), 20_000)
