"""Pictures of a board, drawn by matplotlib: inline SVG for the page, and SVG, PNG or PDF files for papers.

One file is one picture: `draw(table, canvas) -> Drawing | None`, None when there is nothing to show.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.figures import confusions, cost, forest, pareto, slices, training
from tcmbench.boards.figures.canvas import Canvas, Drawing, chinese_fonts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.boards.table import Table

_DRAWERS = {
    "pareto": pareto.draw,
    "forest": forest.draw,
    "slices": slices.draw,
    "confusions": confusions.draw,
    "cost": cost.draw,
    "training": training.draw,
}


class Picture(NamedTuple):
    """A picture for the page."""

    name: str
    """Which one; its texts are `figures.<name>` and `figures.<name>_caption`."""

    svg: str
    """The SVG element."""

    subject: str
    """What it shows, where it doesn't show all: names of variants."""


def pictures(table: Table) -> list[Picture]:
    """Return the pictures of a board that have something to show; the same table gives the same bytes."""
    found = []
    for name, draw in _DRAWERS.items():
        canvas = Canvas.for_page(name)
        with canvas.settings():
            drawing = draw(table, canvas)
            if drawing is not None:
                found.append(Picture(name, canvas.to_svg(drawing), drawing.subject))
    return found


def save(table: Table, folder: Path, *, formats: Sequence[str] = ("svg", "png", "pdf")) -> list[Path]:
    """Write every picture to files, in English on white, and return their paths.

    SVG keeps its text as text, in whatever font the reader has. PNG and PDF need a font for Chinese names; on a
    machine without one (`canvas.chinese_fonts`) they show a box for each character.

    Args:
        table: The board.
        folder: Where to; made when absent.
        formats: Endings that matplotlib knows.
    """
    written = []
    as_text = [ending for ending in formats if ending == "svg"]
    as_shapes = [ending for ending in formats if ending != "svg"]
    # Laying out takes longer than writing: one drawing serves all formats that show the same.
    groups = [(as_text, False), (as_shapes, True)] if not chinese_fonts() else [(list(formats), False)]
    for name, draw in _DRAWERS.items():
        for endings, boxes in groups:
            canvas = Canvas.for_paper(name, boxes=boxes)
            with canvas.settings(), warnings.catch_warnings():
                # Of an SVG: the reader's font has them.
                warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
                drawing = draw(table, canvas) if endings else None
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
