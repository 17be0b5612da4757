"""Random boards never contradict themselves: a difference is called the same in every place that shows it."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.boards.build import build
from tcmbench.boards.columns import load_shown
from tcmbench.boards.html import to_html
from tcmbench.boards.latex import to_latex
from tcmbench.boards.markdown import to_markdown
from tcmbench.boards.options import Options
from tcmbench.boards.spreadsheet import to_csv
from tcmbench.comparison import pairs
from tcmbench.comparison.measured import measured_set
from tcmbench.comparison.trainings import trainings
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.text.numbers import digits_of, signed

from .fake import POLICIES, Fake, Shape, make
from .test_render import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.boards.cells import Difference
    from tcmbench.boards.table import BoardRow, Table

VERDICTS = ("improved", "unchanged", "inconclusive", "regressed")
SIGNIFICANT = {"improved": ("▲", "u"), "regressed": ("▼", "l")}


def fake_of(folder: Path, seed: int, columns: int, seeds: int) -> Fake:
    """Return a random set; three columns are one per role."""
    return make(folder, Shape(variants=3, columns=columns, items=60, seeds=seeds, broken=seed % 2 == 0), seed=seed)


def board(fake: Fake) -> Table:
    """Return its table."""
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def differences(row: BoardRow) -> Iterator[tuple[str, Difference]]:
    """Yield every difference of a row with its place."""
    yield from ((name, cell.delta) for name, cell in row.cells.items() if cell.delta)
    sums = row.aggregates
    named = {
        "in_domain": sums.in_domain, "held_out": sums.held_out, "general": sums.general, "worst": sums.worst_delta,
    }  # fmt: skip
    yield from ((name, estimate) for name, estimate in named.items() if estimate)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000), columns=st.sampled_from([3, 4, 7]), seeds=st.sampled_from([1, 2]))
def test_a_difference_is_called_the_same_everywhere(seed: int, columns: int, seeds: int) -> None:
    """Cells, means over roles, worst task, page, panels, LaTeX, Markdown, CSV and `compare`."""
    with tempfile.TemporaryDirectory() as folder:
        fake = fake_of(Path(folder), seed, columns, seeds)
        table = board(fake)
        for row in table.rows:
            check_row(table, row)
        page = to_html(table)
        check_page(table, page)
        check_tables(table)
        check_answer(table, unescape(page))
        check_compare(fake, table)


def check_row(table: Table, row: BoardRow) -> None:
    """A mean over one task, and the worst task, are that task's cell; a tie with the reference is its verdict."""
    for role in ("in_domain", "held_out", "general"):
        of_role = [column.name for column in table.columns if column.role == role]
        mean = row.aggregates.of(role)
        if mean and len(of_role) == 1:
            assert mean == row.cells[of_role[0]].delta
    if row.aggregates.worst_delta:
        assert row.aggregates.worst_delta == row.cells[row.aggregates.worst_task].delta
    for name, cell in row.cells.items():
        if cell.verdict and table.row(table.reference).cells[name].best and not cell.best:
            assert cell.tied == (cell.verdict != "regressed")
    assert row.kind == "variant" or row.aggregates.general is None
    for _, difference in differences(row):
        shown = [signed(value, difference.digits) for value in (difference.low or 0, difference.high or 0)]
        if difference.verdict in SIGNIFICANT:
            assert {text[0] for text in shown} == {"+" if difference.verdict == "improved" else "−"}
            assert signed(difference.value, difference.digits)[0] in "+−"


def check_page(table: Table, page: str) -> None:
    """Cells, sums, and the details behind panels and tooltips."""
    data, details = unpacked(page)
    summaries = load_shown(table.rows)
    heads = re.findall(r'<th scope="col" data-c="(s?\d+)"', page)
    for place, row in enumerate(table.rows):
        line = page.partition(f"<tr id=model-{place} ")[2].partition("</tr>")[0]
        cells = dict(zip(heads, re.findall(r"<td(?: class=\"?([\w ]*)\"?)?[^>]*>", line), strict=True))
        for at, (_, column) in enumerate(summaries):
            estimate = column.figure(row).estimate
            assert bool(re.search("[ul]0", cells[f"s{at}"])) == (getattr(estimate, "verdict", None) in SIGNIFICANT)
        for at, column in enumerate(table.columns):
            verdict = row.cells[column.name].verdict
            mark = re.search("([ul])[123]", cells[str(at)])
            assert (mark and mark[1]) == (SIGNIFICANT[verdict][1] if verdict in SIGNIFICANT else None)
            packed = details[place]["cells"]
            assert packed.get("v", [None] * 99)[at] == (VERDICTS.index(verdict) if verdict else None)
            delta = row.cells[column.name].delta
            digits = packed.get("g", [None] * 99)[at] or 1
            assert delta is None or digits == delta.digits
    assert data["reference"] == table.reference


def check_tables(table: Table) -> None:
    """As many marks in LaTeX and Markdown as significant differences, and the same verdicts in CSV."""
    marked = [difference.verdict for row in table.rows for place, difference in differences(row) if place != "worst"]
    text, document = to_markdown(table), to_latex(table, tasks=table.columns)
    for verdict, arrow in (("improved", "\\uparrow"), ("regressed", "\\downarrow")):
        assert text.count(SIGNIFICANT[verdict][0]) == marked.count(verdict) + 1
        assert document.count(arrow) == marked.count(verdict) + 1
    told = [line["verdict"] for line in csv.DictReader(io.StringIO(to_csv(table)))]
    assert [told.count(verdict) for verdict in VERDICTS] == [marked.count(verdict) for verdict in VERDICTS]


def check_answer(table: Table, page: str) -> None:
    """What ships passes the gate; what is said of its gain is what its mean is called; nothing untrained forgets."""
    answer = table.recommendation
    first_screen = page.partition('id="table"')[0]
    if answer.outcome == "ship":
        row = table.row(answer.row or "")
        assert row.gate is not None
        assert row.gate.passed
    if answer.outcome in {"ship", "none_safe", "too_little_gain", "no_gain", "worse"}:
        gain = table.row(answer.row or "").aggregates.gain
        assert gain is not None
        assert (answer.outcome not in {"none_safe", "too_little_gain"}) or gain.verdict == "improved"
        assert (answer.outcome not in {"no_gain", "worse"}) or gain.verdict != "improved"
        sums = table.row(answer.row or "").aggregates
        shown = [e.verdict for e in (sums.in_domain, sums.held_out, sums.general) if e]
        assert first_screen.count(">significantly better<") == shown.count("improved")
        assert first_screen.count(">significantly worse<") == shown.count("regressed")
        if sums.general is not None and sums.general.low is not None and sums.general.high is not None:
            within, beyond = sums.general.low >= -table.policy.margin, sums.general.high < -table.policy.margin
            said = "within the margin" if within else "exceeds the margin" if beyond else "may exceed the margin"
            assert f">{said}<" in first_screen
    assert ("Every model has a score on every task." in page) == all(
        cell.status == "measured" for row in table.rows for cell in row.cells.values()
    )


def check_compare(fake: Fake, table: Table) -> None:
    """`tcmbench compare REFERENCE MODEL`, of all tasks or of one, gives the board's verdicts."""
    measured = measured_set(fake.model_set, fake.suite, fake.entries)
    sides = {
        m.name: pairs.Side(
            m.name,
            m.items,
            {c: m.metric(c) for c in m.items},
            {},
            frozenset(),
            {},
            variant=m.name if m.entry.kind == "variant" else "",
        )
        for m in measured.models
    }
    known = trainings(fake.entries)
    for row in table.rows:
        if row.is_reference:
            continue
        planned = PlannedSuite(fake.suite, {})
        pair = pairs.ComparedPair(
            sides[table.reference], sides[row.name], fake.model_set, planned, POLICIES.reference, trainings=known
        )
        for only in (None, [table.columns[0].name]):
            compared = pairs.compare(pair, only=only).columns
            assert {name: one.verdict.verdict for name, one in compared.items()} == {
                name: cell.verdict for name, cell in row.cells.items() if cell.verdict and (not only or name in only)
            }
            for name, one in compared.items():
                delta = row.cells[name].delta
                assert delta is not None
                assert (delta.low, delta.high) == one.verdict.delta.interval[:2]


@given(
    low=st.floats(1e-5, 30.0), width=st.floats(0.0, 30.0), at=st.floats(0.0, 1.0), sign=st.sampled_from([1, -1]),
    least=st.sampled_from([1, 2]),
)  # fmt: skip
def test_an_interval_that_excludes_zero_never_shows_it(
    low: float, width: float, at: float, sign: int, least: int
) -> None:
    """Neither its ends nor its figure are rounded to zero, and one that holds zero keeps its decimals."""
    ends = sorted((sign * low, sign * (low + width)))
    value = ends[0] + at * (ends[1] - ends[0])
    digits = digits_of(value, *ends, least=least)
    assert all(float(f"{shown:.{digits}f}") != 0 for shown in (value, *ends))
    assert digits == least or any(float(f"{shown:.{digits - 1}f}") == 0 for shown in (value, *ends))
    assert digits_of(value, -low, low, least=least) == least
