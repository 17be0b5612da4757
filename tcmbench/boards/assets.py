"""Style sheet and scripts of the page as it contains them: without comments on lines of their own and indentation.

They are a tenth of a large page. Lines stay lines, so an error in the browser's console still names its place.
"""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"

_COMMENT = re.compile(r"^(//.*|/\*[^*]*\*/)$")
_AROUND = re.compile(r"\s*([{};])\s*")
_AFTER_COLON = re.compile(r"(?<=[\w-]): (?=[^;{}]*[;}])")


def script(name: str, *, folder: Path = TEMPLATES) -> str:
    """Return a script of the page.

    No string in a script spans lines (`tests/boards/test_assets.py`), so what a line begins with is never content.
    """
    return "\n".join(_lines(folder / name))


def style(name: str, *, folder: Path = TEMPLATES) -> str:
    """Return a style sheet of the page, also without the spaces around braces and after semicolons and colons.

    No string in it contains any of these but a colon, which stands after a quotation mark.
    """
    return "\n".join(_AFTER_COLON.sub(":", _AROUND.sub(r"\1", line)) for line in _lines(folder / name))


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not _COMMENT.match(line)]
