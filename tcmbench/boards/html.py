"""`index.html`: a self-contained page: no server, no network requests.

The table is plain HTML, readable without a script. Panels and tooltips are drawn by the script from the embedded
data (`payload`), by setting text, never markup. Templates escape by default; the strings of the board are the only
ones that stand in both languages.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards import answer, assets, cured, markup, texts
from tcmbench.boards import columns as summary
from tcmbench.boards.cells import Difference
from tcmbench.boards.citation import to_bibtex
from tcmbench.boards.figures import pictures
from tcmbench.boards.notes import MISSING, UNSUPPORTED, unlike_conditions, without_score
from tcmbench.boards.payload import DETAILS, packed, payload
from tcmbench.boards.rules import rules
from tcmbench.boards.texts import metric_name, named, slice_name
from tcmbench.comparison.reference import FEWEST_CLUSTERS
from tcmbench.text.numbers import digits_of, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import jinja2
    from markupsafe import Markup

    from tcmbench.boards.cells import Cell, ShownEstimate
    from tcmbench.boards.columns import Column, ColumnFigure, Heading
    from tcmbench.boards.table import BoardRow, Table, TaskColumn
    from tcmbench.records.search import Change
    from tcmbench.specs.suite import Role

_PAPERS = ((11, "A4"), (20, "A3"))
"""Number of columns → paper that a printed table fits on, in landscape; larger ones are scaled by the printer."""
_LARGEST_PAPER = "A2"
_DATA = "<tcmbench-data>"
"""Placeholder of the data. Names are escaped, so no name in the page contains a `<` and none can equal it."""

SCRIPTS = ("look.js", "page.js", "state.js", "tip.js", "table.js", "panel.js", "download.js", "start.js")
"""Scripts of the page, in the order in which they run."""

LARGEST = 495_000
"""Size limit of a page in bytes; panels of large boards show fewer details."""


class SummaryColumn(NamedTuple):
    """A column of the page that is no task."""

    place: int
    """Place of its figures in a row's."""

    name: str
    """Name of the plug-in."""

    heading: Heading
    shown: bool
    """Whether it is visible at first."""

    place_in_row: int = 0
    """Place of its cell in a row of the table, counted from 1; 0 in the group of a role."""


class RunProgress(NamedTuple):
    """How far the run of a board is."""

    measured: int
    """Models with all their scores, or with the reason of a missing one."""

    models: int
    """Models of the set."""


def to_html(table: Table, *, reload_seconds: int | None = None, unfinished: RunProgress | None = None) -> str:
    """Return the page.

    Args:
        table: The board.
        reload_seconds: Interval at which the page reloads itself, for a view during a run; None never does.
        unfinished: Progress of a run that hasn't ended, which the page states; None for a finished run.
    """
    environment = _environment()
    summaries = summary.load_shown(table.rows)
    drawn = pictures(table)
    lead = next((picture for picture in drawn if picture.caption.leads), None)
    figures = {row.name: _figures(row, summaries) for row in table.rows}
    # The figures of a search's winner on all items are biased: the section of the search has the confirmed ones.
    chosen = table.row(table.recommendation.row) if table.recommendation.row and not table.search else None
    empty = {name for place, (name, _) in enumerate(summaries) if _is_empty(figures, place)}
    groups = [(role, [c for c in table.columns if c.role == role]) for role in _roles(table)]
    columns = _summary_columns(summaries, hidden=empty | _repeated(summaries, groups))
    scripts = [markup.own(assets.script(name)) for name in SCRIPTS]
    render = partial(
        environment.get_template("board.html.j2").render,
        table=table,
        reference=table.row(table.reference),
        answer=table.recommendation,
        headline=answer.headline(table.recommendation, is_look=table.limit is not None),
        notes=answer.notes(table.recommendation),
        advised=answer.cure_advice(table),
        cure_block=answer.cure_block(table),
        sees=answer.sees(table),
        unlike_conditions=unlike_conditions(table),
        of_bases=all(row.kind != "variant" for row in table.rows),
        chosen=chosen,
        reach=_reach(chosen) if chosen else 1.0,
        summaries=columns,
        front=_front(columns),
        column_of={column.name: f"s{column.place}" for column in columns},
        of_role={role: [column for column in columns if column.heading.group == role] for role, _ in groups},
        groups=groups,
        rules=rules(table.policy),
        since_rules=rules(table.baseline_policy) if table.baseline else [],
        figures=figures,
        numbers={column.name: place for place, column in enumerate(table.columns)},
        places={row.name: place for place, row in enumerate(table.rows)},
        missing=without_score(table, MISSING),
        unsupported=without_score(table, UNSUPPORTED),
        states=_states(table),
        data=markup.own(_DATA),
        paper=next((paper for most, paper in _PAPERS if len(table.columns) + 5 <= most), _LARGEST_PAPER),
        reload_seconds=reload_seconds,
        fewest=FEWEST_CLUSTERS,
        unfinished=unfinished,
        shows_text=any(column.card and column.card.texts for column in table.columns),
        css=markup.own(assets.style("board.css")),
        scripts=scripts,
        script_hashes=markup.hashes(scripts),
        lead_picture=lead,
        pictures=[p for p in drawn if p is not lead],
        has_partial=any(row.aggregates.partial for row in table.rows),
        cost_place=[name for name, _ in summaries].index("train_time"),
        total_items=sum(column.items for column in table.columns),
        bibtex=to_bibtex(table),
    )
    data = partial(payload, table, figures=figures, summaries=[name for name, _ in summaries])
    return _fitting(lambda whole: render(whole=whole), data)


def _fitting(render: Callable[[bool], str], data: Callable[..., str]) -> str:
    """Return the page with the data for its panels, both as detailed as the size limit allows.

    Args:
        render: Returns the page, complete or with parts of it packed.
        data: Returns the data, at a level of detail.
    """
    page = ""
    for whole, details in groupby(DETAILS, key=lambda detail: detail.whole):
        before, _, after = render(whole).partition(_DATA)
        for detail in details:
            page = before + data(detail=detail) + after
            if len(page.encode()) <= LARGEST:
                return page
    return page


def _environment() -> jinja2.Environment:
    environment = markup.environment(assets.TEMPLATES)
    environment.globals.update(
        texts=texts.text, signed=signed, marks=_marks, side=_side, slice_name=slice_name, named=named,
        percents=lambda share: cured.interval(share).strip(),
    )  # fmt: skip
    environment.filters.update(
        metric=metric_name, interval=_interval, points=lambda value: f"{value:.1f}", packed=_packed, change=_change,
    )  # fmt: skip
    return environment


def _packed(section: Markup, whole: bool) -> Markup:
    """Return a part of the page unchanged, or packed for the script to unpack in its place."""
    from markupsafe import Markup

    return section if whole else Markup('<div data-packed="{}"></div>').format(packed(section))


def _summary_columns(summaries: list[tuple[str, Column]], *, hidden: set[str]) -> list[SummaryColumn]:
    return [
        SummaryColumn(place, name, module.HEADING, module.HEADING.shown and name not in hidden)
        for place, (name, module) in enumerate(summaries)
    ]


def _front(columns: list[SummaryColumn]) -> list[SummaryColumn]:
    """Return the columns of the summary, which stand behind the model's name."""
    front = [column for column in columns if column.heading.group is None]
    return [column._replace(place_in_row=place) for place, column in enumerate(front, start=2)]


def _repeated(summaries: list[tuple[str, Column]], groups: list[tuple[Role, list[TaskColumn]]]) -> set[str]:
    """Return the columns of roles with a single task, whose mean is its score."""
    single = {role for role, columns in groups if len(columns) == 1}
    return {name for name, module in summaries if module.HEADING.group in single}


def _roles(table: Table) -> list[Role]:
    return list(dict.fromkeys(column.role for column in table.columns))


def _figures(row: BoardRow, summaries: list[tuple[str, Column]]) -> list[ColumnFigure]:
    return [module.figure(row) for _, module in summaries]


def _is_empty(figures: Mapping[str, list[ColumnFigure]], place: int) -> bool:
    """Return whether a summary column has no content except, possibly, the reference's own mark."""
    return all(row[place].value is None or row[place].text == summary.REFERENCE for row in figures.values())


def _states(table: Table) -> dict[str, int]:
    """Return the number of cells in each state that requires attention."""
    counts: dict[str, int] = {}
    for row in table.rows:
        for cell in row.cells.values():
            counts[cell.status] = counts.get(cell.status, 0) + 1
    return {name: counts[name] for name in ("running", "pending", "failed", "not_measured") if name in counts}


def _interval(estimate: ShownEstimate | None, *, sign: bool = False) -> str:
    """Return `[low, high]`, or nothing where there is no interval."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    if not sign:
        return f"[{estimate.low:.1f}, {estimate.high:.1f}]"
    digits = digits_of(estimate.value, estimate.low, estimate.high)
    return f"[{signed(estimate.low, digits)}, {signed(estimate.high, digits)}]"


def _change(change: Change | None) -> str:
    """Return a change with its interval, or a dash where there is none."""
    if change is None:
        return "–"
    digits = digits_of(*change)
    low, high = signed(change.low, digits), signed(change.high, digits)
    return f"{signed(change.value, digits)} [{low}, {high}]"


def _marks(cell: Cell) -> Markup:
    """Return the class of a score: best or tied, and by how much better or worse than the reference's."""
    from markupsafe import Markup

    marks = ["r"] if cell.best else ["e"] if cell.tied else []
    if cell.delta and cell.verdict in {"improved", "regressed"}:
        # below one point, below four, or more
        size = 1 + (abs(cell.delta.value) >= 1) + (abs(cell.delta.value) >= 4)
        marks.append(f"{'u' if cell.verdict == 'improved' else 'l'}{size}")
    if not marks:
        return Markup("")
    # Unquoted where possible: the table has thousands of these tags.
    return Markup(" class={}").format(marks[0]) if len(marks) == 1 else Markup(' class="{}"').format(" ".join(marks))


def _side(estimate: ShownEstimate | None) -> str:
    """Return the class of a difference that is significant; empty for others."""
    verdict = estimate.verdict if isinstance(estimate, Difference) else None
    return {"improved": "u0", "regressed": "l0"}.get(verdict or "", "")


def _reach(row: BoardRow) -> float:
    """Return the largest absolute end among a row's sums, plus a margin, as their common scale."""
    sums = row.aggregates
    estimates = [e for e in (sums.in_domain, sums.held_out, sums.general) if e is not None]
    return 1.06 * max([0.5, *(abs(end) for e in estimates for end in (e.value, e.low, e.high) if end is not None)])
