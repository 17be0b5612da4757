"""Style sheet and scripts of the page: made smaller, never changed."""

from __future__ import annotations

import re

import pytest

from tcmbench.boards import assets
from tcmbench.boards.html import SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_string_of_a_script_spans_lines(name: str) -> None:
    """So removing what lines begin with changes no string, and nothing that looks like a comment is one's content."""
    source = (assets.TEMPLATES / name).read_text("utf-8")
    assert all(line.count("`") % 2 == 0 for line in source.splitlines())
    assert "/*" not in re.sub(r"/\*[^*]*\*/", "", source)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_loses_comments_and_indentation_only(name: str) -> None:
    """Every line of code is there, in order."""
    source = [line.strip() for line in (assets.TEMPLATES / name).read_text("utf-8").splitlines()]
    assert assets.script(name).splitlines() == [line for line in source if line and not line.startswith("//")]


def test_the_style_sheet_loses_comments_and_spaces_only() -> None:
    """Without any white space both are the same, strings are equal, and so is every space within a value."""
    source = re.sub(r"/\*.*?\*/", "", (assets.TEMPLATES / "board.css").read_text("utf-8"))
    small = assets.style("board.css")
    assert "".join(small.split()) == "".join(source.split())
    assert re.findall(r'"[^"]*"', small) == re.findall(r'"[^"]*"', source)
    assert declarations(small) == declarations(source)
    assert len(small) < 0.95 * len(source)


def declarations(sheet: str) -> list[list[str]]:
    """Return selectors and declarations, each as its words."""
    parts = re.split(r"[{};]", re.sub(r"(?<=[\w-]): ?(?=[^;{}]*[;}])", " : ", sheet))
    return [part.split() for part in parts if part.strip()]
