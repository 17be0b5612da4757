"""A wide board in a real browser: all of it is reached, explained, shared by its address, and read in two languages."""

from __future__ import annotations

import csv
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.boards.render import write
from tcmbench.boards.rules import rules
from tcmbench.boards.texts import text

from .browser import all_of, emulate, one, resize, wait_for
from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.boards.table import Table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a board of twelve tasks, the first of which have Chinese titles, one longer than a column is wide."""
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=6, columns=12, items=30, seeds=1))
    first, second, *others = fake.suite.tasks
    named = first.model_copy(update={"title": "Pictures", "title_zh": "临床表现"})
    long = second.model_copy(update={"title": "Probes", "title_zh": "TBOSD 线性探针 住院病历十个证型的重排序"})
    suite = fake.suite.model_copy(update={"tasks": (named, long, *others)})
    return build(fake.model_set, suite, fake.entries, options=Options(cards=fake.cards, policies=POLICIES))


@pytest.fixture(scope="module")
def page(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its page."""
    return write(table, tmp_path_factory.mktemp("board"), names=("index.html",))[0]


@pytest.fixture
def board(chromium: Any, page: Path) -> Iterator[Any]:
    """Return the browser with a fresh page of 1440 pixels."""
    emulate(chromium, "light")
    resize(chromium, 1440, 900)
    load(chromium, page)
    yield chromium
    chromium.execute_script("try { localStorage.clear() } catch {}")
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def load(driver: Any, page: Path, state: str = "") -> None:
    """Open the page, not from a page that differs in the state only, which would be no new load."""
    driver.get("about:blank")
    driver.get(page.as_uri() + state)
    driver.execute_script("root.style.scrollBehavior = 'auto'")


def press(driver: Any, selector: str) -> None:
    """Press a button without scrolling to it first, which takes a while."""
    driver.execute_script("$(arguments[0]).click()", selector)


def settle(driver: Any) -> None:
    """Wait until what follows a scroll or a resize has been drawn."""
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))")


def rect(driver: Any, selector: str) -> dict[str, float]:
    """Return the place of an element in the window."""
    found: dict[str, float] = driver.execute_script("return $(arguments[0]).getBoundingClientRect().toJSON()", selector)
    return found


@pytest.mark.parametrize("width", [390, 1024])
def test_the_last_score_is_reached_under_its_head(board: Any, width: int) -> None:
    """What lies to the right is announced by number and role; there, head stands over score, beside the name."""
    resize(board, width, 844)
    board.execute_script("$('#table').scrollIntoView()")
    settle(board)
    hint = one(board, "#further").text
    assert hint.partition(" ")[0].isdecimal()
    assert "General" in hint
    board.execute_script("$('.scroll').scrollLeft = 1e6; $('.scroll').scrollTop = 60")
    settle(board)
    cell, head = rect(board, "#rows tr td:last-child"), rect(board, ".heads th:last-child")
    name, box = rect(board, "#rows tr th"), rect(board, ".scroll")
    assert (cell["left"], cell["width"]) == (head["left"], head["width"])
    assert head["top"] >= box["top"]
    assert name["left"] == pytest.approx(box["left"] + 1)
    assert name["right"] < cell["left"]
    assert cell["right"] <= box["right"]
    assert not one(board, "#further").is_displayed()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [390, 1440])
def test_heads_are_as_wide_as_their_columns(board: Any, page: Path, width: int, language: str) -> None:
    """Long ones wrap: none is cut off at the next column."""
    resize(board, width, 844)
    load(board, page, f"#lang={language}")
    settle(board)
    wider = "[...document.querySelectorAll('.heads button')].filter((b) => b.scrollWidth > b.parentNode.clientWidth)"
    assert board.execute_script(f"return {wider}.map((b) => b.textContent)") == []


def test_gain_and_forgetting_stay_in_view(board: Any) -> None:
    """On a wide window they stand beside the name however far the table is scrolled, in the order of their heads."""
    forgetting = board.execute_script("return board.summaries.indexOf('forgetting')")
    board.execute_script("$('.scroll').scrollLeft = 1e6")
    settle(board)
    cell, head = rect(board, f"#rows [data-c='s{forgetting}']"), rect(board, f".heads [data-c='s{forgetting}']")
    name, last = rect(board, "#rows tr th"), rect(board, "#rows tr td:last-child")
    assert name["right"] < cell["left"] == head["left"]
    assert cell["right"] < last["left"]


def test_one_role_at_a_time(board: Any) -> None:
    """The switch leaves the summary and the tasks of a role, with their mean, and the whole fits the window."""
    press(board, "[data-show=general]")
    shown = board.execute_script("return $$('.heads th:not([hidden])').map((head) => head.dataset.group)")
    assert set(shown) == {"name", "summary", "general"}
    assert shown.count("general") == 1 + board.execute_script(
        "return board.columns.filter((column) => column.role === 'general').length"
    )
    settle(board)
    assert not one(board, "#sideways").is_displayed()


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_the_menu_of_columns_stays_in_the_window(board: Any, width: int) -> None:
    """At every width, without making the page wider."""
    resize(board, width, 844)
    board.execute_script("$('#columns').scrollIntoView(); $('#columns').open = true")
    settle(board)
    menu = rect(board, ".sheet")
    assert menu["left"] >= 0
    assert menu["right"] <= width
    assert board.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_wide_window_shows_all_columns(board: Any) -> None:
    """Where the window has room the table takes it, though the text of the page doesn't."""
    resize(board, 2200, 900)
    settle(board)
    assert board.execute_script("return $('.scroll').scrollWidth <= $('.scroll').clientWidth")
    assert board.execute_script("return document.documentElement.scrollWidth") <= 2200
    assert rect(board, "#guide")["width"] < rect(board, ".frame")["width"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [390, 1024, 1440, 2200])
def test_an_open_model_has_the_width_of_the_page(board: Any, page: Path, width: int, language: str) -> None:
    """As wide as the table's box, nothing in it is cut off, and the page does not scroll sideways."""
    resize(board, width, 900)
    load(board, page, f"#lang={language}&open=random-full-00")
    wait_for(board, ".panel h4")
    assert rect(board, ".panel")["width"] == rect(board, "#table")["width"]
    cut = board.execute_script(
        "return $$('.panel *').filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth).length"
    )
    assert cut == 0
    assert board.execute_script("return document.documentElement.scrollWidth") <= width


def state_of(driver: Any) -> list[Any]:
    """Return what a link shares: rows in their order, columns, view, filter, panels, language."""
    return list(
        driver.execute_script(
            "return [$$('#rows tr:not(.outside) .name').map((name) => name.textContent), "
            "$('.heads [aria-sort$=ending]')?.dataset.c, $$('.heads th:not([hidden])').map((head) => head.dataset.c), "
            "root.className, root.lang, "
            "$('#filter').value, $('#by-column').value, $('#by-value').value, $$('.panel').map((panel) => panel.id)]"
        )
    )


def test_the_address_restores_what_was_chosen(board: Any, page: Path) -> None:
    """Order, filters, columns, view, open models and language survive a reload and are the same for another reader."""
    press(board, ".heads [data-c='7'] button")
    one(board, "#filter").send_keys("lora")
    board.execute_script(
        "$('#by-column').value = 's0'; $('#by-value').value = '-50'; $('#by-value').dispatchEvent(new Event('input'));"
        "$('#columns input[value=\"2\"]').click(); $('[data-view=deltas]').click(); $('[data-show=general]').click();"
        "$('#intervals').click(); $('#rows .open').click(); $('#language').click()"
    )
    wait_for(board, ".panel h4")
    chosen, address = state_of(board), board.current_url
    assert "%" not in address.partition("#")[2]
    board.execute_script("try { localStorage.clear() } catch {}")
    load(board, page, "#" + address.partition("#")[2])
    wait_for(board, ".panel h4")
    assert state_of(board) == chosen
    assert board.current_url == address
    press(board, "#reset")
    fresh = state_of(board)
    load(board, page, "#" + board.current_url.partition("#")[2])
    wait_for(board, ".panel h4")
    assert state_of(board) == fresh


def test_back_closes_what_was_opened(board: Any) -> None:
    """An opened model is one step of the history; sorting and filtering are none."""
    one(board, "#filter").send_keys("a")
    press(board, "#rows .open")
    wait_for(board, ".panel h4")
    press(board, ".heads [data-c='7'] button")
    board.back()
    wait_for(board, "#panels:empty")
    assert board.current_url.partition("#")[2] == "filter=a"
    board.forward()
    wait_for(board, ".panel h4")
    assert one(board, ".heads [data-c='7']").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize(
    "state",
    ["#", "#sort=-nonsense&open=nobody&by=x,ge,1&show=y&group=z&view=q&lang=fr&at=<b>", "#filter=%E0%A4%A", "#nowhere"],
)
def test_an_address_that_makes_no_sense_is_ignored(board: Any, page: Path, state: str) -> None:
    """The page is as without it, and no error is raised."""
    load(board, page)
    plain = state_of(board)
    load(board, page, state)
    assert state_of(board) == plain
    assert board.get_log("browser") == []


@pytest.mark.parametrize(
    ("accepted", "state", "shown"),
    [
        ("zh-CN,en", "", "zh-Hans"),
        ("ja,zh-TW,en", "", "zh-Hans"),
        ("en-GB,zh", "", "en"),
        ("fr", "", "en"),
        ("zh-CN", "#lang=en", "en"),
    ],
)
def test_the_page_opens_in_the_language_of_its_reader(
    board: Any, page: Path, accepted: str, state: str, shown: str
) -> None:
    """The first of the browser's languages that the page has; a link's comes before it."""
    agent = board.execute_script("return navigator.userAgent")
    board.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": accepted})
    try:
        load(board, page, state)
        assert one(board, "html").get_attribute("lang") == shown
        title = one(board, ".heads [data-c='0'] bdi").text
        assert title == ("临床表现" if shown == "zh-Hans" else "Pictures")
    finally:
        board.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en"})


def test_a_choice_of_language_is_kept(board: Any, page: Path) -> None:
    """The reader's own choice comes before the browser's, also without the address."""
    press(board, "#language")
    load(board, page)
    assert one(board, "html").get_attribute("lang") == "zh-Hans"


def test_heads_and_marks_are_explained_at_focus_and_touch(board: Any) -> None:
    """A focused head shows what its figures mean; so does a touched mark of a row, which opens no model."""
    forgetting = board.execute_script("return board.summaries.indexOf('forgetting')")
    board.execute_script("$('#table').scrollIntoView()")
    settle(board)
    board.execute_script(f"$('.heads [data-c=\"s{forgetting}\"] button').focus({{ preventScroll: true }})")
    assert "Negative values mean forgetting" in wait_for(board, "#tip:not([hidden])").text
    board.execute_script("document.activeElement.blur(); $('#rows [data-term=single_seed]').click()")
    settle(board)
    assert text("meaning.single_seed").en in one(board, "#tip").text
    assert all_of(board, ".panel") == []


def test_the_guide_states_terms_and_limits(board: Any, table: Table) -> None:
    """It folds out by keyboard, says what each column is and the limits of the gate, and is unfolded for paper."""
    from selenium.webdriver.common.keys import Keys

    one(board, "#guide summary").send_keys(Keys.ENTER)
    told = one(board, "#guide").text
    assert all(rule.en in told for rule in rules(table.policy))
    assert f"−{table.policy.margin:g} points" in told
    missing = board.execute_script(
        "return $$('[data-term]').map((e) => e.dataset.term).filter((t) => !$(`#term-${t}`))"
    )
    assert missing == []
    one(board, "#guide summary").send_keys(Keys.ENTER)
    board.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert board.execute_script("return $$('details:not(.menu)').every((folded) => folded.open)")
    board.execute_script("dispatchEvent(new Event('afterprint'))")
    assert not board.execute_script("return $('#guide').open")


def test_heads_are_repeated_on_paper(board: Any) -> None:
    """The table's head is one that a browser repeats on every page, and none of its cells is fixed to the window."""
    board.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    found = board.execute_script(
        "const head = getComputedStyle($('#board thead')); return [head.display, head.breakInside,"
        "$$('#board th, #board td').every((cell) => getComputedStyle(cell).position === 'static')]"
    )
    board.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert found == ["table-header-group", "avoid", True]


def test_a_page_alone_has_its_scores_and_no_dead_link(board: Any, table: Table, tmp_path: Path) -> None:
    """Every link leads to a place of the page; CSV and JSON come from the page and have every score that it shows."""
    dead = board.execute_script(
        "return $$('a').map((a) => a.getAttribute('href')).filter((to) => !(/^#/.test(to) && $(to)))"
    )
    assert dead == []
    board.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    board.execute_script("$('#as-csv').click(); $('#as-json').click()")
    files = [tmp_path / f"{table.label}.{ending}" for ending in ("csv", "json")]
    deadline = time.monotonic() + 20
    while not all(path.exists() for path in files) and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = list(csv.DictReader(files[0].read_text("utf-8").splitlines()))
    held = json.loads(files[1].read_text("utf-8"))
    assert held["board"] == table.label
    assert len(held["scores"]) == len(lines)
    by_cell = {(line["model"], line["column"]): line for line in lines}
    for row in table.rows:
        for column in table.columns:
            cell, line = row.cells[column.name], by_cell[row.name, column.name]
            assert line["status"] == cell.status
            assert line["score"] == ("" if cell.score is None else f"{round(cell.score.value, 2):g}")
            if cell.delta and cell.delta.low is not None:
                assert float(line["delta_low"]) == pytest.approx(cell.delta.low, abs=0.0051)
        gain = by_cell.get((row.name, "gain_in_domain"))
        if row.aggregates.in_domain:
            assert gain is not None
            assert float(gain["score"]) == pytest.approx(row.aggregates.in_domain.value, rel=1e-5)
