"""Pictures of a board, drawn by matplotlib: inline SVG for the page, and SVG, PNG or PDF files for papers.

One file is one picture:

    CAPTION: Caption                                             title and text, in both languages
    def draw(table: Table, canvas: Canvas) -> Drawing | None     None when there is nothing to show
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from tcmbench import plugins
from tcmbench.boards.canvas import Canvas, Drawing, chinese_fonts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.boards.texts import Text


class Caption(NamedTuple):
    """Title, text and placement of a picture."""

    position: int
    """Sort order of the pictures, before their names."""

    title: Text
    text: Text
    """Content of the picture, and how to read it."""

    leads: bool = False
    """Whether it may be on the first screen, which shows the first such picture with content."""

    wide: bool = False
    """Whether it has the width of the page."""


class Figure(Protocol):
    """A module of this folder."""

    CAPTION: Caption

    def draw(self, table: Table, canvas: Canvas) -> Drawing | None:
        """Return the picture, or None when there is nothing to show."""
        ...


class Picture(NamedTuple):
    """A picture for the page."""

    name: str
    """Its name."""

    caption: Caption
    svg: str
    """The SVG element."""

    subject: Text
    """What it shows, where it shows only a part: names of variants."""


def load_all() -> list[tuple[str, Figure]]:
    """Return every figure with its name, in the order of the board."""
    figures = [(name, cast("Figure", plugins.load("figures", name))) for name in plugins.names("figures")]
    return sorted(figures, key=lambda figure: (figure[1].CAPTION.position, figure[0]))


def pictures(table: Table) -> list[Picture]:
    """Return the pictures of a board that have something to show; the same table gives the same bytes."""
    drawn = []
    for name, figure in load_all():
        canvas = Canvas.for_page(name)
        with canvas.settings():
            drawing = figure.draw(table, canvas)
            if drawing is not None:
                drawn.append(Picture(name, figure.CAPTION, canvas.to_svg(drawing), drawing.subject))
    return drawn


def save(table: Table, folder: Path, *, formats: Sequence[str] = ("svg", "png", "pdf")) -> list[Path]:
    """Write every picture to files, in English on white, and return their paths.

    SVG keeps its text as text, in a font of the reader. PNG and PDF need a font for Chinese names; on a
    machine without one (`canvas.chinese_fonts`) each character is drawn as a box.

    Args:
        table: The board.
        folder: Target folder, created when absent.
        formats: Endings that matplotlib knows.
    """
    written = []
    as_text = [ending for ending in formats if ending == "svg"]
    as_shapes = [ending for ending in formats if ending != "svg"]
    # Layout takes longer than writing, so one drawing is used for all formats with the same content.
    groups = [(as_text, False), (as_shapes, True)] if not chinese_fonts() else [(list(formats), False)]
    for name, figure in load_all():
        for endings, boxes in groups:
            canvas = Canvas.for_paper(name, boxes=boxes)
            with canvas.settings(), warnings.catch_warnings():
                # For SVG, the reader's font has them.
                warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
                drawing = figure.draw(table, canvas) if endings else None
                if drawing is not None:
                    written += [_saved(drawing, folder / f"{name}.{ending}") for ending in endings]
    return written


def _saved(drawing: Drawing, path: Path) -> Path:
    from tcmbench.store import atomic_write

    ending = path.suffix[1:]
    with atomic_write(path) as part:
        drawing.figure.savefig(part, format=ending, dpi=200, metadata=_NO_DATE.get(ending, {}))
    return path


_NO_DATE: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
