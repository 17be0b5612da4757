"""The LaTeX of a board is as wide as its place in a paper, whatever its models and tasks are called."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.latex import to_latex
from tcmbench.boards.options import Options

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table

LABELS = {
    0: "qwen3-embedding-0.6b-lora-hybrid-negatives",
    1: "averylongnamewithoutanyplacetobreakitinto",
    2: "100%_of $x$ & {y} #1 ~ ^ \\\\input{z} [b]",
}
ACL_COLUMN, ACL_TEXT, NEURIPS_TEXT = "7.7cm", "16cm", "5.5in"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a table of 18 tasks, with long names and cells without a score."""
    shape = Shape(variants=4, columns=18, items=30, seeds=1, labels=LABELS, tasks={0: "TCMPicturesRetrieval"})
    fake = make(tmp_path_factory.mktemp("scores"), shape)
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def packages(document: str) -> list[str]:
    """Return the packages that the first comment names as needed for any names."""
    named = re.match(r"% Packages: ([^;]*);", document)
    assert named
    return named[1].split(", ")


@pytest.mark.parametrize(
    ("width", "tasks"), [(ACL_COLUMN, False), (ACL_TEXT, True), (NEURIPS_TEXT, False), (NEURIPS_TEXT, True)]
)
def test_it_compiles_and_fits(table: Table, tmp_path: Path, width: str, tasks: bool) -> None:
    """With the packages that it names, roles fit the column of a two-column paper, and all tasks a page."""
    compiler = shutil.which("pdflatex")
    if compiler is None:
        pytest.skip("needs pdflatex, of texlive-latex-recommended")
    board = to_latex(table, tasks=table.columns if tasks else ())
    text = (
        f"\\documentclass{{article}}\\usepackage[textwidth={width},textheight=60cm,paperheight=70cm]{{geometry}}"
        f"\\usepackage{{{','.join(packages(board))}}}\\begin{{document}}{board}\\end{{document}}"
    )
    (tmp_path / "board.tex").write_text(text, encoding="utf-8")
    command = [compiler, "-interaction=nonstopmode", "-halt-on-error", "board.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "board.log").read_text(encoding="utf-8", errors="replace")
    assert "Output written" in log
    assert re.findall(r"Overfull \\hbox.*", log) == []


def test_the_caption_explains_every_mark(table: Table) -> None:
    """Arrows, bold and underlined figures, the reference, and what has forgotten nothing."""
    roles, tasks = to_latex(table), to_latex(table, tasks=table.columns)
    for mark in ("\\uparrow", "(ref.)", "95\\% intervals", "--: without tuning"):
        assert mark in roles.partition("\\label")[0]
    assert "underlined" not in roles
    assert "bold, the best; underlined" in tasks.partition("\\label")[0]
    assert (roles.count("begin{table}"), tasks.count("begin{table*}")) == (1, 1)
