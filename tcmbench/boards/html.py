"""`index.html`: a self-contained page: no server, no network requests.

The table is plain HTML, readable without a script. Panels and tooltips are drawn by the script from the embedded
data, by setting text, never markup. Templates escape by default; the strings of the board are the only ones that
stand in both languages.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards import columns as summary
from tcmbench.boards import texts
from tcmbench.boards.citation import to_bibtex
from tcmbench.boards.figures import pictures
from tcmbench.boards.payload import DETAILS, payload
from tcmbench.boards.recommend import common_means
from tcmbench.boards.texts import Text, clip, metric_title, slice_name
from tcmbench.text.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jinja2
    from markupsafe import Markup

    from tcmbench.boards.columns import Column, ColumnFigure
    from tcmbench.boards.table import BoardRow, Cell, ShownEstimate, Table, TaskColumn

_TEMPLATES = Path(__file__).parent / "templates"
_A4_COLUMNS = 11
_DATA = "<tcmbench-data>"
"""Where the data goes. Names are escaped, so no name has a `<` in the page and none can stand for this."""

LARGEST = 495_000
"""Bytes that a page should keep to, whatever its board; panels show less where they must."""


class Missing(NamedTuple):
    """Cells of one row that have no score for one reason."""

    row: BoardRow
    cell: Cell
    columns: tuple[TaskColumn, ...]


def to_html(table: Table, *, reload_seconds: int | None = None) -> str:
    """Return the page.

    Args:
        table: The board.
        reload_seconds: Make the page reload itself so often, for a look during a run; None never does.
    """
    environment = _environment()
    summaries = summary.load_all()
    drawn = pictures(table)
    lead = next((picture for picture in drawn if picture.caption.leads), None)
    figures = {row.name: _figures(row, summaries) for row in table.rows}
    chosen = table.row(table.recommendation.row) if table.recommendation.row else None
    scripts = [_asset(name) for name in ("page.js", "table.js", "panel.js")]
    template = environment.get_template("board.html.j2")
    page = template.render(
        table=table,
        reference=table.row(table.reference),
        answer=table.recommendation,
        chosen=chosen,
        reach=_reach(chosen) if chosen else 1.0,
        common=common_means(table.rows),
        summaries=[(name, module.HEADING) for name, module in summaries],
        groups=[(role, [c for c in table.columns if c.role == role]) for role in _roles(table)],
        figures=figures,
        numbers={column.name: place for place, column in enumerate(table.columns)},
        places={row.name: place for place, row in enumerate(table.rows)},
        missing=_missing(table),
        states=_states(table),
        data=_markup(_DATA),
        paper="A4" if len(table.columns) + 5 <= _A4_COLUMNS else "A3",
        reload_seconds=reload_seconds,
        shows_text=any(column.card and column.card.texts for column in table.columns),
        css=_asset("board.css"),
        scripts=scripts,
        script_hashes=" ".join(map(_hash, scripts)),
        lead_picture=lead,
        pictures=[p for p in drawn if p is not lead],
        empty={name for place, (name, _) in enumerate(summaries) if _is_empty(figures, place)},
        has_partial=any(row.aggregates.partial for row in table.rows),
        cost_place=[name for name, _ in summaries].index("train_time"),
        total_items=sum(column.items for column in table.columns),
        bibtex=to_bibtex(table),
    )
    return _with_data(page, table)


def _with_data(page: str, table: Table) -> str:
    """Return the page with the data for its panels, as rich as the size of the page allows."""
    before, _, after = page.partition(_DATA)
    room = LARGEST - len(before.encode()) - len(after.encode())
    for detail in DETAILS:
        data = payload(table, detail=detail)
        if len(data.encode()) <= room:
            break
    return before + data + after


def _environment() -> jinja2.Environment:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=_both, spans=_spans, label=_label, signed=signed, size=_size, slice_name=slice_name)
    environment.filters.update(
        metric=metric_title, clip=clip, interval=_interval, points=lambda value: f"{value:.1f}", raw=Markup
    )
    return environment


def _both(key: str, **values: str) -> Markup:
    """Return a string of the board in both languages; the style sheet shows one of them."""
    return _spans(texts.text(key, **values))


def _spans(both: Text) -> Markup:
    from markupsafe import Markup

    if both.en == both.zh:
        return Markup("{}").format(both.en)
    return Markup("<span class=t lang=en>{}</span><span class=t lang=zh-Hans>{}</span>").format(*both)


def _label(key: str, attribute: str = "aria-label", **values: str) -> Markup:
    """Return an attribute in English that the script swaps when the language changes."""
    from markupsafe import Markup

    both = texts.text(key, **values)
    return Markup('{}="{}" data-{}-zh="{}"').format(attribute, both.en, attribute.removeprefix("data-"), both.zh)


def _asset(name: str) -> Markup:
    """Return a style sheet or script of the package, as it stands in the file."""
    return _markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def _markup(own: str) -> Markup:
    """Return text of the package as markup; never data."""
    from markupsafe import Markup

    return Markup(own)  # noqa: S704 - our own text, not data


def _hash(script: str) -> str:
    """Return what the page's policy names a script by: no other script, handler or `javascript:` link runs."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _roles(table: Table) -> list[str]:
    return list(dict.fromkeys(column.role for column in table.columns))


def _figures(row: BoardRow, summaries: list[tuple[str, Column]]) -> list[ColumnFigure]:
    return [module.figure(row) for _, module in summaries]


def _is_empty(figures: Mapping[str, list[ColumnFigure]], place: int) -> bool:
    """Return whether a summary column has nothing to show but, perhaps, the reference's own mark."""
    return all(row[place].value is None or row[place].text == summary.REFERENCE for row in figures.values())


def _missing(table: Table) -> list[Missing]:
    """Return what has no score, row by row, cells with one reason together."""
    found: list[Missing] = []
    for row in table.rows:
        reasons: dict[tuple[str, Text], list[TaskColumn]] = {}
        for column in table.columns:
            cell = row.cells[column.name]
            if cell.status not in {"measured", "not_applicable"}:
                reasons.setdefault((cell.status, cell.reason), []).append(column)
        found += [Missing(row, row.cells[columns[0].name], tuple(columns)) for columns in reasons.values()]
    return found


def _states(table: Table) -> dict[str, int]:
    """Return how many cells are in each state that deserves attention."""
    counts: dict[str, int] = {}
    for row in table.rows:
        for cell in row.cells.values():
            counts[cell.status] = counts.get(cell.status, 0) + 1
    return {name: counts[name] for name in ("running", "pending", "failed", "not_measured") if name in counts}


def _interval(estimate: ShownEstimate | None, *, sign: bool = False) -> str:
    """Return `[low, high]`, or nothing where there is no interval."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    show = signed if sign else "{:.1f}".format
    return f"[{show(estimate.low)}, {show(estimate.high)}]"


def _size(delta: ShownEstimate) -> int:
    """Return how strongly a sure difference is coloured: 1 below one point, 2 below four, else 3."""
    return 1 + (abs(delta.value) >= 1) + (abs(delta.value) >= 4)


def _reach(row: BoardRow) -> float:
    """Return the largest end among a row's sums, with some room: they are drawn on one scale."""
    sums = row.aggregates
    found = [e for e in (sums.in_domain, sums.held_out, sums.general) if e is not None]
    return 1.06 * max([0.5, *(abs(end) for e in found for end in (e.value, e.low, e.high) if end is not None)])
