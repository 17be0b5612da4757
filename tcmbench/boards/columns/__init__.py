"""Summary columns of a row; one file is one column with two names.

    HEADING: Heading                     title and help, in both languages
    def figure(row: Row) -> Figure       content of the row's cell

A column only formats the data of the row; it computes no statistics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

from tcmbench import plugins
from tcmbench.boards.cured import interval
from tcmbench.boards.texts import Text, same, text
from tcmbench.text.numbers import percent, signed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from tcmbench.boards.cells import Difference, ShownEstimate
    from tcmbench.boards.cured import CureEffect
    from tcmbench.boards.table import BoardRow, GateOutcome, RoleMean
    from tcmbench.specs.suite import Role


class Heading(NamedTuple):
    """Heading of a column."""

    position: int
    """Sort order of the columns, before their names."""

    en: str
    """Title in English."""

    zh: str
    """Title in Chinese."""

    help_en: str
    """Definition of the figure, in one sentence."""

    help_zh: str
    """The same in Chinese."""

    better: Literal["higher", "lower", ""] = ""
    """Which direction is better; empty where neither is."""

    shown: bool = True
    """Whether the column is visible by default."""

    frozen: bool = False
    """Whether it stays in view when a wide table scrolls sideways."""

    group: Role | None = None
    """Role before whose tasks it stands; None for the summary."""

    @property
    def titles(self) -> Text:
        """Title in both languages."""
        return Text(self.en, self.zh)

    @property
    def help(self) -> Text:
        """Definition in both languages."""
        return Text(self.help_en, self.help_zh)


class ColumnFigure(NamedTuple):
    """Content of one cell."""

    value: float | None
    """Sort value; None sorts last."""

    text: Text
    """Displayed text; a dash, with a reason in `note`, when there is no figure."""

    estimate: ShownEstimate | None = None
    """Figure with its interval, where there is one."""

    note: Text = Text("", "")
    """Additional text of the tooltip."""

    is_change: bool = True
    """Whether the figure is a change, so that the ends of its interval have signs."""


class Column(Protocol):
    """A module of this folder."""

    HEADING: Heading

    def figure(self, row: BoardRow) -> ColumnFigure:
        """Return the content of the row's cell."""
        ...


def load_all() -> list[tuple[str, Column]]:
    """Return every column with its name, in the order of the board."""
    return _in_order((name, plugins.load("columns", name)) for name in plugins.names("columns"))


def load_shown(rows: Iterable[BoardRow]) -> list[tuple[str, Column]]:
    """Return the columns that the page has: all, without those of forms where there are none, and no costs."""
    has_forms = any(row.form or (row.cost and row.cost.serving) for row in rows)
    return [column for column in load_all() if has_forms or column[0] not in OF_FORMS]


def load_added() -> list[tuple[str, Column]]:
    """Return the columns of other packages, which every table lists after its own, in the order of the board."""
    return _in_order((column.name, column.module) for column in plugins.of_other_packages("columns"))


def load_listed(rows: Iterable[BoardRow]) -> list[tuple[str, Column]]:
    """Return the columns that tables outside the page list beside gain and scores.

    Those of cures and of forms, if there are any; behind them are those of other packages.
    """
    rows = list(rows)
    has_cures = any(row.cure for row in rows)
    of_cures = [(name, cast("Column", plugins.load("columns", name))) for name in OF_CURES if has_cures]
    of_forms = [column for column in load_shown(rows) if column[0] in OF_FORMS]
    return of_cures + of_forms + load_added()


def in_line(figure: ColumnFigure) -> str:
    """Return a figure in English; a share also with its interval, on the same line."""
    return figure.text.en + ("" if figure.is_change or figure.estimate is None else interval(figure.estimate))


def _in_order(modules: Iterable[tuple[str, ModuleType]]) -> list[tuple[str, Column]]:
    columns = [(name, cast("Column", module)) for name, module in modules]
    return sorted(columns, key=lambda column: (column[1].HEADING.position, column[0]))


OF_CURES = ("gain_kept", "forgetting_undone")
"""Columns that compare a cure with the variant that it is made from."""

OF_FORMS = ("form_change", "form_gate", "bytes_per_document", "query_time", "serving_speed", "index_size")
"""Columns that compare a form with its model, and those of what models cost to run."""

REFERENCE = Text("ref.", "参照")
"""Text in the reference's own row."""

DASH = same("–")
"""Text where there is no figure."""

NOT_TRAINED = Text("not trained here", "未在此训练")
NOT_CURED = Text("not a cure", "非治疗所得")
NOT_A_FORM = Text("not a form", "非部署形式")
NOT_TIMED = Text("not measured: tcmbench cost", "未测量：tcmbench cost")
NOT_RECORDED = Text("not recorded", "未记录")
MISSING = Text("no such task in the suite, or one of them has no score", "任务集无此类任务，或其中有任务缺少分数")


def change(estimate: Difference | None, *, is_reference: bool, is_partial: bool = False) -> ColumnFigure:
    """Return the figure of a difference from the reference, in points with a sign; `*` where tasks are left out."""
    if is_reference:
        return ColumnFigure(value=0.0, text=REFERENCE)
    if estimate is None:
        return nothing(MISSING)
    return starred(
        ColumnFigure(estimate.value, same(signed(estimate.value, estimate.digits)), estimate), is_partial=is_partial
    )


def mean(of_role: RoleMean | None) -> ColumnFigure:
    """Return the figure of a mean over a role, in points; n/a where a task of the role has no score."""
    if of_role is None:
        return nothing(MISSING)
    if of_role.value is None:
        return nothing(text("means.missing", tasks=", ".join(of_role.missing)), said=text("state.not_applicable"))
    return ColumnFigure(of_role.value, same(f"{of_role.value:.1f}"), note=text("means.over", count=str(of_role.tasks)))


def starred(figure: ColumnFigure, *, is_partial: bool) -> ColumnFigure:
    """Return the figure with `*` and a note where it leaves out tasks that the model doesn't support."""
    if not is_partial or figure.value is None:
        return figure
    said = text("table.partial")
    note = Text(f"{figure.note.en}; {said.en}", f"{figure.note.zh}；{said.zh}") if figure.note.en else said
    return figure._replace(text=Text(f"{figure.text.en}*", f"{figure.text.zh}*"), note=note)


def nothing(why: Text, *, said: Text = DASH) -> ColumnFigure:
    """Return the content of a cell without a figure: a dash, and the reason in the tooltip."""
    return ColumnFigure(value=None, text=said, note=why)


def of_untreated(cure: CureEffect | None, share: Literal["gain_kept", "forgetting_undone"]) -> ColumnFigure:
    """Return the figure of a share of the untreated variant's, in percent; a dash where there is none."""
    if cure is None:
        return nothing(NOT_CURED)
    estimate = cure.gain_kept if share == "gain_kept" else cure.forgetting_undone
    if estimate is None:
        return nothing(cure.gain_kept_reason if share == "gain_kept" else cure.forgetting_undone_reason)
    note = text("cure.of", names=", ".join(cure.untreated))
    return ColumnFigure(estimate.value, same(percent(estimate.value)), estimate, note, is_change=False)


_OUTCOMES = {
    "pass": (3.0, Text("pass", "通过")),
    "inconclusive": (2.0, Text("unsure", "未定")),
    "too_little_gain": (1.5, Text("too little gain", "增益不足")),
    "regression": (1.0, Text("fails", "未通过")),
    "missing": (0.0, Text("missing", "缺失")),
    "not_comparable": (-1.0, Text("not comparable", "不可比较")),
}


def gate_figure(gate: GateOutcome) -> ColumnFigure:
    """Return the figure of an outcome of the gate, with the first rule that is not met as the note."""
    value, said = _OUTCOMES[gate.outcome]
    return ColumnFigure(value=value, text=said, note=gate.reasons[0].clipped(130) if gate.reasons else Text("", ""))
