"""The tutorials: their files are written, their commands run, and their outputs compared, in the order of the page.

`tcmbench` and `python` run in this process, where the slow imports are done once. A page that continues another runs
in the workspace that the other leaves.
"""

from __future__ import annotations

import contextlib
import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tcmbench import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"

_BLOCK = re.compile(r"(?:^`([^`\n]+)`(, at its end)?:\n\n)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CONTINUES = re.compile(r"^Continues \[[^]]+\]\(([\w-]+\.md)\)", re.MULTILINE)
_EXIT_CODE = re.compile(r"# exit code (\d+)")


class Block(NamedTuple):
    """A fenced block."""

    path: str
    """File that it is the content of; empty for another block."""

    is_added: bool
    """Whether it is added to the file."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in their order."""
    text = (TUTORIALS / page).read_text(encoding="utf-8")
    return [Block(path, bool(added), language, body) for path, added, language, body in _BLOCK.findall(text)]


def chain(page: str) -> list[str]:
    """Return the pages that a page continues, and the page."""
    before = _CONTINUES.search((TUTORIALS / page).read_text(encoding="utf-8"))
    return [*(chain(before[1]) if before else []), page]


PAGES = sorted(path.name for path in TUTORIALS.glob("*.md"))
CHAINS = [chain(page) for page in PAGES if not any(page in chain(other)[:-1] for other in PAGES)]
"""Pages that are run together: each once, also where others continue it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> Iterator[Path]:
    """An empty folder with an empty store beside it."""
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path
    monkeypatch.undo()


@pytest.mark.parametrize("pages", CHAINS, ids=lambda pages: pages[-1].removesuffix(".md"))
def test_a_tutorial_does_what_it_says(pages: list[str], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Every command ends with the exit code that stands beside it, 0 otherwise, and prints what the page shows."""
    printed = ""
    for page in pages:
        for block in blocks(page):
            if block.path:
                path = Path(block.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                before = path.read_text(encoding="utf-8") if block.is_added else ""
                path.write_text(f"{before}\n{block.text}" if before else block.text, encoding="utf-8")
            elif block.language == "sh":
                printed = "".join(_run(line, page, capfd) for line in block.text.splitlines())
            elif block.language == "text":
                _compare(block.text, printed, page)


def _run(line: str, page: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints."""
    expected = _EXIT_CODE.search(line)
    words = line.partition("  #")[0].split()
    capfd.readouterr()
    code = _exit_code(words)
    printed = capfd.readouterr()
    assert code == int(expected[1] if expected else 0), f"{page}: {line}\n{printed.out}\n{printed.err}"
    return printed.out


def _exit_code(words: list[str]) -> int:
    match words:
        case ["cd", target]:
            # The folder of the test is restored by its fixture.
            contextlib.chdir(target).__enter__()
            return 0
        case ["tcmbench", *arguments]:
            with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
                patch.setattr(sys, "argv", words)
                cli.main(arguments)
            return int(ended.value.code or 0)
        case ["python", script]:
            with warnings.catch_warnings(action="ignore"):
                runpy.run_path(script, run_name="__main__")
            return 0
        case _:
            return subprocess.run(words, check=False).returncode


def _compare(shown: str, printed: str, page: str) -> None:
    """Check that every shown line is part of a printed one; … stands for anything."""
    for line in shown.splitlines():
        pattern = ".*?".join(re.escape(part.strip()).replace(r"\ ", " +") for part in line.split("…"))
        assert re.search(pattern, printed), f"{page}: expected {line!r} in\n{printed}"


def test_every_sh_block_is_run() -> None:
    """Blocks with a $ are for the eye; what a reader would paste is run."""
    assert {block.language for page in PAGES for block in blocks(page)} <= {
        "sh", "text", "toml", "python", "console", "yaml",
    }  # fmt: skip
    assert [page for page in PAGES if not any(block.language == "sh" for block in blocks(page))] == []
