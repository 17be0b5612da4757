"""Rendering a board: files, determinism, hostile text, size."""

from __future__ import annotations

import base64
import csv
import json
import math
import re
import zlib
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tcmbench.boards import html
from tcmbench.boards.build import build
from tcmbench.boards.digits import in_hundredths
from tcmbench.boards.html import to_html
from tcmbench.boards.options import Options
from tcmbench.boards.recommendation import Recommendation
from tcmbench.boards.render import write
from tcmbench.boards.table import FORMAT
from tcmbench.boards.texts import text

from .fake import POLICIES, SHAPES, Fake, Shape, make

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table


def table_of(fake: Fake) -> Table:
    """Return the table of a fake set."""
    return build(fake.model_set, fake.suite, fake.entries, options=Options(cards=fake.cards, policies=POLICIES))


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Return a small fake set."""
    return make(tmp_path_factory.mktemp("scores"), Shape())


@pytest.fixture(scope="module")
def table(fake: Fake) -> Table:
    """Return its table."""
    return table_of(fake)


def test_write_gives_the_three_files(table: Table, tmp_path: Path) -> None:
    """A board is index.html, scores.csv and scores.json, and nothing else is left behind."""
    written = write(table, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    assert {path.name for path in written} == {"index.html", "scores.csv", "scores.json"}


def test_same_scores_same_bytes(fake: Fake, tmp_path: Path) -> None:
    """Neither a second rendering nor another order of the entries changes a byte."""
    first = write(table_of(fake), tmp_path / "a")
    turned = replace(fake, entries=tuple(reversed(fake.entries)))
    second = write(table_of(turned), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_page_asks_nobody_for_anything(table: Table, tmp_path: Path) -> None:
    """The page has no address in it but the name of SVG's namespace, and forbids loading anything."""
    page = write(table, tmp_path)[0].read_text(encoding="utf-8")
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[\w./-]*", page)) - {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert addresses == set()
    assert "default-src 'none'" in page


def test_csv_has_one_line_per_model_and_task(table: Table, tmp_path: Path) -> None:
    """Every cell is a line, and a line without a score says why."""
    with write(table, tmp_path)[1].open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    cells = [line for line in lines if line["metric"] or line["status"] != "measured"]
    tasks = {column.task for column in table.columns}
    of_tasks = [line for line in lines if line["task"] in tasks]
    assert len(of_tasks) == len(table.rows) * len(table.columns)
    assert all(bool(line["score"]) == (line["status"] == "measured") for line in of_tasks)
    assert all(line["reason"] for line in cells if line["status"] != "measured")


def test_json_is_the_table(table: Table, tmp_path: Path) -> None:
    """Every figure is there, rounded to six decimals; what only panels show is not, nor any item."""
    held = json.loads(write(table, tmp_path)[2].read_text("utf-8"))
    assert held["format"] == FORMAT
    for row, written in zip(table.rows, held["rows"], strict=True):
        assert row.name == written["name"]
        for name, cell in row.cells.items():
            figure = written["cells"][name]["score"]
            assert (figure is None) == (cell.score is None)
            if cell.score is not None:
                assert figure["value"] == round(cell.score.value, 6)
        assert "training" not in written
    assert "InDomain0-0000" not in json.dumps(held)


def test_missing_scores_are_never_blank_nor_zero(table: Table, tmp_path: Path) -> None:
    """A cell without a score shows its state, the page lists the reasons, and no number replaces it."""
    page = write(table, tmp_path)[0].read_text(encoding="utf-8")
    assert "out of memory after 312 steps" in page
    assert "data absent: expected sts/test.tsv" in page
    found = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    missing = [cell for row in found["rows"] for cell in row["cells"].values() if cell["status"] != "measured"]
    assert len(missing) == 3
    assert all(score["score"] is None and score["reason"] for score in missing)


def test_clustering_says_what_it_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel of a clustering task says that its last digits are the processor's; no other panel does."""
    monkeypatch.setitem(SHAPES, "held_out", ("Clustering", "v_measure", "mean"))
    clustered = make(tmp_path, Shape(variants=1, columns=3, items=20, seeds=1))
    assert sum(column.role == "held_out" for column in clustered.suite.tasks) == 1
    assert to_html(table_of(clustered)).count("k-means resolves equal distances by rounding") == 1


def test_synthetic_is_said_at_the_table(table: Table, tmp_path: Path) -> None:
    """A generated suite is marked as such."""
    assert "SYNTHETIC DATA" in write(table, tmp_path)[0].read_text(encoding="utf-8")


HOSTILE = (
    '<script>alert("x")</script>',
    "</style></script><img src=x onerror=alert(1)>",
    "\"'`><b>bold</b> &amp; \u202eright to left\u202c {{ 7*7 }}",
    "=HYPERLINK(1)" + "长" * 100_000,
)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """Names that are markup, scripts, template code or endless neither run, nor break the page, nor fill it."""
    fake = make(tmp_path / "scores", Shape(labels=dict(enumerate(HOSTILE))))
    entries = tuple(
        replace(e, description=HOSTILE[1], recipe={**e.recipe, HOSTILE[0]: HOSTILE[2]}) for e in fake.entries
    )
    page = write(table_of(replace(fake, entries=entries)), tmp_path / "board")[0].read_text(encoding="utf-8")
    assert page.count("<script") == 1 + len(html.SCRIPTS)
    assert page.count("</style>") == 1
    assert "<img" not in page
    assert "{{ 7*7 }}" in page
    assert len(page.encode()) < 300_000


def test_a_board_that_ships_says_what_to_do_next(table: Table) -> None:
    """The answer of every outcome ends in commands or advice, a shipping one in how to look closer and keep it."""
    row = next(row for row in table.rows if row.kind == "variant" and row.complete)
    page = to_html(replace(table, recommendation=Recommendation("ship", row.name)))
    assert f"tcmbench compare {table.reference} {row.name} --set {table.name}" in page
    assert f"tcmbench check {table.name} --update-baseline" in page


@pytest.mark.parametrize(
    ("outcome", "told", "advice"),
    [
        ("none_safe", "none_safe_note", "next_safe"),
        ("too_little_gain", "too_little_gain_note", "next_gain"),
        ("no_gain", "no_gain_note", "next_gain"),
        ("incomplete", "incomplete_note", "next_run"),
        ("worse", "worse_note", "next_gain"),
    ],
)
def test_every_other_outcome_says_why_and_what_to_do_next(
    table: Table,
    outcome: Literal["none_safe", "too_little_gain", "no_gain", "incomplete", "worse"],
    told: str,
    advice: str,
) -> None:
    """Each answer has its own explanation and its own advice, and no command of a shipping one."""
    row = next(row for row in table.rows if row.complete and not row.is_reference)
    page = unescape(to_html(replace(table, recommendation=Recommendation(outcome, row.name))))
    assert text(f"answer.{told}").en in page
    assert text(f"answer.{advice}").en in page
    assert "--update-baseline" not in page


def unpacked(page: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the data of a page, and the details of its rows."""
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    return data, [row for packed in data["packed"] for row in json.loads(zlib.decompress(base64.b64decode(packed)))]


def test_details_are_packed_and_hold_what_was_measured(table: Table) -> None:
    """Each row's details are there, whole: ends of intervals as steps from the figure, extremes, histograms, curves."""
    data, details = unpacked(to_html(table))
    assert len(details) == len(data["rows"]) == len(table.rows)
    for row, head, found in zip(table.rows, data["rows"], details, strict=True):
        assert set(found["training"]) == {str(seed) for seed in row.training}
        for place, column in enumerate(table.columns):
            cell = row.cells[column.name]
            if cell.score is None or cell.score.low is None or cell.score.high is None:
                continue
            whole = math.floor(figure(head["scores"], place) * 10 + 0.5)
            down, up = found["cells"]["s"][place]
            shown = [f"{end / 10:.1f}" for end in (whole - down, whole + up)]
            assert shown == [f"{cell.score.low:.1f}", f"{cell.score.high:.1f}"]
            if cell.lowest:
                ids = [column_stem(data, place) + change[0] for change in found["cells"]["lo"][place]]
                assert ids == [change.item for change in cell.lowest]


def figure(digits: str, place: int) -> float:
    """Return a score or difference of a row."""
    return (int(digits[3 * place : 3 * place + 3], 36) - 23328) / 100


def test_figures_of_rows_are_whole_hundredths(table: Table) -> None:
    """Scores, differences and sums are those of the table; what has more decimals stands beside them."""
    data, _ = unpacked(to_html(table))
    for row, held in zip(table.rows, data["rows"], strict=True):
        for place, column in enumerate(table.columns):
            cell = row.cells[column.name]
            for digits, estimate in ((held["scores"], cell.score), (held["deltas"], cell.delta)):
                shown = digits[3 * place : 3 * place + 3]
                assert (shown == "---") if estimate is None else (figure(digits, place) == round(estimate.value, 2))
        gain = held["sums"][data["summaries"].index("gain_in_domain")]
        found = row.aggregates.in_domain
        assert row.is_reference or (gain is None) == (found is None)
        assert row.is_reference or found is None or gain == pytest.approx(found.value, rel=1e-4)


@pytest.mark.parametrize(("value", "digits"), [(0.0, "i00"), (-233.28, "000"), (233.27, "zzz"), (None, "---")])
def test_a_figure_is_three_digits(value: float | None, digits: str) -> None:
    """To the base of 36, from half of their range on."""
    assert in_hundredths([value]) == digits


def test_a_figure_out_of_range_is_an_error() -> None:
    """Never another figure."""
    with pytest.raises(ValueError, match=r"within ±233\.28 points, got 233\.28"):
        in_hundredths([233.28])


def column_stem(data: dict[str, Any], place: int) -> str:
    """Return what the ids of a column's items begin with."""
    return str(data["columns"][place]["stem"])


def test_a_page_says_less_before_it_grows_too_large(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room, intervals, pictures and tasks are packed, and details are fewer; no score is left out."""
    whole = to_html(table)
    monkeypatch.setattr(html, "LARGEST", 0)
    small = to_html(table)
    data, details = unpacked(small)
    assert len(small) < 0.7 * len(whole)
    assert (data["whole"], data["less"]) == (False, True)
    assert all("lo" not in row["cells"] for row in details)
    scores = [f"<b>{c.score.value:.1f}</b>" for row in table.rows for c in row.cells.values() if c.score]
    assert all(score in small for score in scores)


def test_large_board_fits_its_budget(tmp_path: Path) -> None:
    """40 variants × 15 tasks with three seeds take at most 500 KB."""
    fake = make(tmp_path / "scores", Shape(variants=40, columns=15, items=40, seeds=3))
    page = write(table_of(fake), tmp_path / "board")[0]
    assert page.stat().st_size <= 500_000
