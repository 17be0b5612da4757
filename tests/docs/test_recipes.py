"""The pages of docs/recipes: each quotes its boards to the letter, and every set of a recipe has a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.recipe_tables import PAGES, ROOT, boards_of, table

if TYPE_CHECKING:
    from pathlib import Path

_PAGES = sorted(PAGES.glob("*.md"))


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.stem)
def test_a_page_quotes_its_boards(path: Path) -> None:
    """Every table is the one that its board gives."""
    for board, written in boards_of(path.read_text(encoding="utf-8")):
        assert written == table(board)


def test_every_set_of_a_recipe_is_on_a_page_with_its_board() -> None:
    """By one command, and with its board, once that is published."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in _PAGES)
    sets = {path.stem for path in (ROOT / "models/sets").glob("recipe-*.toml")}
    assert sets
    assert {name for name in sets if f"tcmbench run {name}" in pages} == sets
    assert {board for board, _ in boards_of(pages)} == {path.name for path in (ROOT / "docs/boards").glob("recipe-*")}


def test_pages_name_only_sets_that_exist() -> None:
    """A renamed set is found on its page."""
    for path in _PAGES:
        for name in re.findall(r"tcmbench run ([\w-]+)", path.read_text(encoding="utf-8")):
            assert (ROOT / f"models/sets/{name}.toml").is_file(), (path.name, name)
