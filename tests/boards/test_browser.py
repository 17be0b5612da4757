"""The page in a real browser, with the network off: it loads clean, sorts, filters, changes language and theme."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.boards import html
from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.boards.render import write
from tcmbench.boards.texts import clip, text
from tcmbench.records.entry import TaskCard

from .browser import all_of, emulate, one, picture, resize, wait_for
from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.boards.table import Table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a board whose first variant has a hostile name."""
    fake = make(
        tmp_path_factory.mktemp("scores"),
        Shape(variants=5, columns=7, items=40, seeds=1, labels={0: '<img src=x onerror="document.title=1">"\'\u202e'}),
    )
    return build(fake.model_set, fake.suite, fake.entries, options=Options(cards=fake.cards, policies=POLICIES))


@pytest.fixture(scope="module")
def page(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its page."""
    return write(table, tmp_path_factory.mktemp("board"))[0]


@pytest.fixture
def board(chromium: Any, page: Path) -> Iterator[Any]:
    """Return the browser with a fresh page: English, light, nothing chosen."""
    emulate(chromium, "light")
    chromium.get(page.as_uri())
    yield chromium
    chromium.execute_script("try { localStorage.clear() } catch {}")


def names(driver: Any) -> list[str]:
    """Return the names of the visible rows, the reference's excluded."""
    return list(
        driver.execute_script(
            "return [...document.querySelectorAll('#rows tr[data-row]:not(.outside) .name')].map(n => n.textContent)"
        )
    )


def column_values(driver: Any, column: str) -> list[float]:
    """Return a column's numbers from top to bottom, cells without a score left out."""
    found = driver.execute_script(
        "return [...document.querySelectorAll('#rows td[data-c=\"' + arguments[0] + '\"]')].map(c => c.dataset.v)",
        column,
    )
    return [float(value) for value in found if value is not None]


def test_loads_without_error_or_request(board: Any, page: Path) -> None:
    """No message on the console and no request but for the file itself."""
    assert board.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in board.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if url.split(":")[0] in {"http", "https", "ws", "wss"}] == []
    assert "http" not in "".join(board.execute_script("return performance.getEntries().map(e => e.name)"))


def test_hostile_name_stays_text(board: Any) -> None:
    """A name that is markup makes no element, in the table nor in its panel."""
    row = board.execute_script(
        "return [...document.querySelectorAll('tr[data-row]')].find(r => r.textContent.includes('onerror'))"
    )
    board.execute_script("arguments[0].querySelector('.open').click()", row)
    wait_for(board, ".panel h4")
    assert all_of(board, "img") == []
    assert board.title.startswith("Fake set")


HOSTILE = (
    "%tcmbench-data%", "<tcmbench-data>", "{{ data }}", "{% raw %}", "</script><script>document.title=1</script>",
    "<!--<script>", "\"autofocus onfocus=document.title=1 x=\"", "'onmouseover='document.title=1",
    "javascript:alert(1)", "\u202e\u2066", "&lt;img src=x onerror=document.title=1&gt;",
    "]]><svg onload=document.title=1>",
)  # fmt: skip


def test_no_name_of_a_task_becomes_markup(chromium: Any, tmp_path: Path) -> None:
    """Whatever a task is called: its name is text, no script runs, and the panels have their data."""
    count = len(HOSTILE)
    shape = Shape(variants=1, columns=count, items=20, seeds=1, broken=False, tasks=dict(enumerate(HOSTILE)))
    fake = make(tmp_path / "scores", shape)
    table = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))
    chromium.get(write(table, tmp_path / "board")[0].as_uri())
    chromium.execute_script("for (const e of document.querySelectorAll('*')) e.dispatchEvent(new Event('mouseover'))")
    chromium.execute_script("document.querySelectorAll('button, input, a').forEach((e) => e.focus())")
    chromium.execute_script("document.querySelector('#rows .open').click()")
    titles = chromium.execute_script("return $$('th[data-better] bdi').map((name) => name.textContent)")
    assert {clip(f"{name}{number}", 48) for number, name in enumerate(HOSTILE)} <= set(titles)
    assert chromium.title.startswith("Fake set")
    assert len(all_of(chromium, "script")) == 1 + len(html.SCRIPTS)
    assert all_of(chromium, "img, svg[onload], [onfocus], [onmouseover], [onerror]") == []
    assert len(all_of(chromium, ".panel tbody tr")) == count
    assert chromium.get_log("browser") == []


def test_only_the_scripts_of_the_page_run(board: Any) -> None:
    """Markup that got in all the same would be inert: the page's policy names its scripts by their hash."""
    board.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\"><a id=evil "
        "href=\"javascript:document.title=2\">x</a>'); const s = document.createElement('script');"
        "s.textContent = 'document.title=3'; document.body.append(s); document.getElementById('evil').click()"
    )
    assert board.title.startswith("Fake set")
    refused = [entry["message"] for entry in board.get_log("browser") if "Content Security Policy" in entry["message"]]
    assert len(refused) >= 2


def test_sorts_by_mouse(board: Any) -> None:
    """A head sorts from the best, again from the worst, says so, and cells without a score stay last."""
    head = one(board, "th[data-c='6'] button")
    board.execute_script("arguments[0].click()", head)
    down = column_values(board, "6")
    assert one(board, "th[data-c='6']").get_attribute("aria-sort") == "descending"
    assert down == sorted(down, reverse=True)
    last = board.execute_script("return document.querySelector('#rows tr:last-child td[data-c=\"6\"]').className")
    assert last == "x"
    board.execute_script("arguments[0].click()", head)
    assert one(board, "th[data-c='6']").get_attribute("aria-sort") == "ascending"
    assert column_values(board, "6") == sorted(down)


def test_sorts_by_keyboard(board: Any) -> None:
    """Enter on a focused head sorts."""
    from selenium.webdriver.common.keys import Keys

    one(board, "th[data-c='name'] button").send_keys(Keys.ENTER)
    shown = names(board)
    assert one(board, "th[data-c='name']").get_attribute("aria-sort") == "ascending"
    assert [name for name in shown if name.isascii()] == sorted(
        (name for name in shown if name.isascii()), key=str.lower
    )


def test_filters_by_name_recipe_and_value(board: Any) -> None:
    """The filter finds words of names and recipes; a column's limit leaves the rows that reach it."""
    one(board, "#filter").send_keys("negatives.miner=bm25")
    assert names(board) == ["bm25-lora-01"]
    board.execute_script("$('#reset').click()")
    assert len(names(board)) == 6
    values = column_values(board, "0")
    limit = sorted(values)[2]
    board.execute_script(
        "const c = document.querySelector('#by-column'); c.value = '0'; const v = document.querySelector('#by-value');"
        "v.value = arguments[0]; v.dispatchEvent(new Event('input', {bubbles: true}))",
        str(limit),
    )
    assert len(names(board)) == sum(value >= limit for value in values)


def test_columns_can_be_chosen(board: Any) -> None:
    """Unticking a column hides its head and all of its cells."""
    board.execute_script("document.querySelector('#columns input[value=\"0\"]').click()")
    hidden = board.execute_script(
        'return [...document.querySelectorAll(\'th[data-c="0"], td[data-c="0"]\')].every(c => !c.offsetParent)'
    )
    assert hidden


def test_language_changes_every_string(board: Any) -> None:
    """One click and the page is Chinese: heads, figures, labels, reasons, and `lang`; another and it is English."""
    board.execute_async_script(
        "Promise.all(board.rows.map((_, place) => details(place))).then((rows) => arguments[0]("
        "$(`#model-${rows.findIndex((row) => row.gate?.some(([en]) => en.includes('not ruled out')))} .open`).click()))"
    )
    wait_for(board, ".panel h4")
    english = one(board, "main").text
    board.execute_script("$('#language').click()")
    wait_for(board, ".panel h4")
    chinese = one(board, "main").text
    assert one(board, "html").get_attribute("lang") == "zh-Hans"
    assert "域内增益" in chinese
    assert "Gain in domain" not in chinese
    assert "Training curves" not in chinese
    assert ("is not ruled out" in english, "is not ruled out" in chinese, "不能排除" in chinese) == (True, False, True)
    assert one(board, "#filter").get_attribute("placeholder") == "按名称或配方筛选"
    board.execute_script("$('#language').click()")
    wait_for(board, ".panel h4")
    assert one(board, "main").text == english


def test_theme_follows_the_system_and_the_button(board: Any) -> None:
    """Dark by preference, light at a click."""

    def paper() -> str:
        return str(board.execute_script("return getComputedStyle(document.documentElement).backgroundColor"))

    light = paper()
    emulate(board, "dark")
    dark = paper()
    one(board, "#theme").click()
    assert dark != light
    assert paper() == light


def test_panel_opens_by_keyboard(board: Any) -> None:
    """Enter on a row's button opens a panel with recipe, provenance and tasks; Escape closes it and returns."""
    from selenium.webdriver.common.keys import Keys

    button = one(board, "#rows .open")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    wait_for(board, ".panel h4")
    panel = one(board, ".panel").text
    assert all(word in panel for word in ("Recipe", "Provenance", "Task by task", "negatives.miner"))
    board.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert all_of(board, ".panel") == []
    assert board.switch_to.active_element == button


def test_texts_of_items_are_shown_on_request(chromium: Any, tmp_path: Path) -> None:
    """A board with texts says so, and a panel shows them, as text, when they are opened."""
    fake = make(tmp_path / "scores", Shape(variants=1, columns=3, items=30, seeds=1, broken=False))
    hostile = "<img src=x onerror=alert(1)></script>"
    ids = [f"InDomain0-{number:05d}" for number in range(30)]
    cards = {**fake.cards, "InDomain0": TaskCard(texts=dict.fromkeys(ids, hostile))}
    table = build(fake.model_set, fake.suite, fake.entries, options=Options(cards=cards, policies=POLICIES))
    chromium.get(write(table, tmp_path / "board")[0].as_uri())
    chromium.execute_script("document.querySelector('#rows .open').click()")
    wait_for(chromium, ".texts details")
    chromium.execute_script("document.querySelector('.texts details').open = true")
    assert any("SHOWS TEXT OF RECORDS" in note.text for note in all_of(chromium, "[role=note]"))
    assert one(chromium, ".texts p").text.endswith(hostile)
    assert all_of(chromium, "img") == []


def test_a_large_page_unpacks_what_is_asked_for(
    chromium: Any, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room for all of it, pictures and tasks come packed, intervals at a click, panels with less, all right."""
    monkeypatch.setattr(html, "LARGEST", 0)
    chromium.get(write(table, tmp_path)[0].as_uri())
    wait_for(chromium, ".cards .card")
    assert len(all_of(chromium, ".pictures svg")) >= 2
    assert all_of(chromium, "[data-packed]") == []
    row = next(row for row in table.rows if not row.is_reference)
    cells = [row.cells[column.name] for column in table.columns]
    chromium.execute_script("document.querySelector('#intervals').click()")
    wait_for(chromium, ":root.show-intervals")
    shown = chromium.execute_script("return $$('#rows tr:first-child td i + small').map((e) => e.firstChild.data)")
    assert shown == [f"[{c.score.low:.1f}, {c.score.high:.1f}]" for c in cells if c.score and c.delta]
    chromium.execute_script("document.querySelector('#rows .open').click()")
    wait_for(chromium, ".panel h4")
    told = one(chromium, ".panel").text
    assert text("script.less").en in told
    assert f"tcmbench compare {table.reference} {row.name} --set {table.name}" in told
    assert all(f"{c.score.value:.1f} [{c.score.low:.1f}, {c.score.high:.1f}]" in told for c in cells if c.score)
    assert chromium.get_log("browser") == []


def test_cells_are_reached_by_arrow_keys(board: Any) -> None:
    """Arrow keys move between cells and the tooltip tells the focused one in full."""
    from selenium.webdriver.common.keys import Keys

    wait_for(board, "td[data-c='0']").send_keys(Keys.ARROW_DOWN)
    told = wait_for(board, "#tip:not([hidden])").text
    assert "Score" in told
    assert "items" in told


def test_the_tooltip_tells_that_a_score_improved(board: Any) -> None:
    """The first verdict has the same form as the others."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    cell = wait_for(board, "#rows td[data-d][class*=u]")
    board.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", cell)

    def told(_: Any) -> str:
        # scrolling hides the tooltip, and ends some time after it was asked for
        for part in ("b", "i"):
            ActionChains(board).move_to_element(cell.find_element("css selector", part)).perform()
        tips = all_of(board, "#tip:not([hidden])")
        return tips[0].text if tips else ""

    assert "improved" in WebDriverWait(board, 20, poll_frequency=0.1).until(told)


def contrast(driver: Any) -> list[str]:
    """Return visible texts whose contrast with their background is below WCAG AA."""
    return list(
        driver.execute_script(
            """
            const parse = (c) => (c.match(/[\\d.]+/g) ?? []).map(Number);
            const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
            const lum = (c) => { return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
            const ground = (e) => { for (; e; e = e.parentElement) {
              const c = parse(getComputedStyle(e).backgroundColor);
              if (c.length && (c.length < 4 || c[3] > .9)) return c; } return [255, 255, 255]; };
            const bad = [];
            for (const e of document.querySelectorAll('body *:not(svg *)')) {
              const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
              if (!own || !e.offsetParent) continue;
              const style = getComputedStyle(e), a = lum(parse(style.color)), b = lum(ground(e));
              const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
              const what = `${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}`;
              if (ratio < 4.5) bad.push(what);
            }
            return bad;
            """
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_aa(board: Any, scheme: str) -> None:
    """Every text has a contrast of 4.5 to 1 with its background, in both themes."""
    emulate(board, scheme)
    board.execute_script("document.querySelector('#rows .open').click()")
    wait_for(board, ".panel h4")
    assert contrast(board) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_screenshots(board: Any, scheme: str, width: int, tmp_path: Path) -> None:
    """Both themes at both widths fit the window without scrolling sideways; the pictures are kept for a look."""
    emulate(board, scheme)
    resize(board, width, 1400)
    wide = board.execute_script("return document.documentElement.scrollWidth")
    path = tmp_path / f"board-{scheme}-{width}.png"
    picture(board, path)
    board.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= width
    assert path.stat().st_size > 20_000


def test_landmarks_and_heads(board: Any) -> None:
    """The page has its landmarks, one h1, a caption, and scopes on every head of the table."""
    assert [len(all_of(board, tag)) for tag in ("main", "header", "footer", "h1", "#board caption")] == [1] * 5
    assert all_of(board, "#board > thead th:not([scope]), #board > tbody > tr > th:not([scope])") == []
    unnamed = board.execute_script(
        "return [...document.querySelectorAll('button, input, select')].filter(e => !(e.innerText || "
        "e.getAttribute('aria-label') || e.labels?.length || e.title)).map(e => e.outerHTML)"
    )
    assert unnamed == []
