"""Cures in a real browser: below their variant, explained, found by the filter, and read in two languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.boards.render import write

from .browser import all_of, emulate, one, wait_for
from .curing import CURES, FORGETS, HARMLESS, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a set with cures."""
    of_set = table(tmp_path_factory.mktemp("scores"), (FORGETS, HARMLESS, *CURES))
    return write(of_set, tmp_path_factory.mktemp("board"), names=("index.html",))[0]


@pytest.fixture
def board(chromium: Any, page: Path) -> Iterator[Any]:
    """Return the browser with a fresh page."""
    emulate(chromium, "light")
    chromium.get("about:blank")
    chromium.get(page.as_uri())
    yield chromium
    chromium.execute_script("try { localStorage.clear() } catch {}")


def test_cures_are_indented_below_their_variant_and_tagged(board: Any) -> None:
    """An arrow before the name, the tag with its meaning, and shares in the columns."""
    left = board.execute_script(
        "return $$('#rows tr').map((row) => [row.className, $('.name', row).getBoundingClientRect().left"
        " + parseFloat(getComputedStyle($('.name', row)).paddingLeft)])"
    )
    plain = {place for name, place in left if "cure" not in name}
    indented = {place for name, place in left if "cure" in name}
    assert len(plain) == len(indented) == 1
    assert min(indented) > max(plain)
    tags = board.execute_script("return $$('#rows tr.cure .tags').map((tags) => tags.innerText)")
    assert len(tags) == len(CURES)
    assert all(tag.startswith("cure") for tag in tags)
    shown = board.execute_script(
        "return $$('.heads th').filter((head) => !head.hidden).map((head) => head.innerText.split('\\n')[0])"
    )
    assert {"Gain kept", "Forgetting undone"} <= set(shown)


def test_a_cures_panel_states_formula_and_shares(board: Any) -> None:
    """In the language of the page; the address of the open panel leads back to it."""
    board.execute_script("$('#rows tr.cure .open').click()")
    panel = wait_for(board, ".panel dl")
    said = one(board, ".panel").text
    assert panel is not None
    assert "arXiv:2109.01903" in said
    assert "Made from" in said
    assert "Gain kept" in said
    board.execute_script("$('#language').click()")
    wait_for(board, ".panel dl")
    assert "增益保留" in one(board, ".panel").text


def test_the_filter_finds_a_family_and_the_answer_leads_to_it(board: Any) -> None:
    """The variant's name finds its cures, which are made of it; the advice links both."""
    one(board, "#filter").send_keys("tuned")
    names = board.execute_script("return $$('#rows tr:not(.outside) .name').map((name) => name.textContent)")
    assert set(names) == {"tuned", *(made.name for made in CURES)}
    links = [link.text for link in all_of(board, ".next p a")]
    assert links == ["merged-0.5", "tuned"]
