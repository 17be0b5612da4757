"""Canvas of the pictures: colours that follow the page's theme, and texts that follow its language.

For the page, matplotlib draws with placeholders: a colour per role and a word per text. `to_svg` replaces them in the
SVG: colours by the page's CSS variables, words by the escaped text (both languages, the page shows one). So no
text of users ever reaches matplotlib's parser, and Chinese needs no font: the reader's browser has one.
"""

from __future__ import annotations

import contextlib
import functools
import html
import importlib.util
import itertools
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.boards.texts import Text, clip, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

INK, MUTED, RULE = "ink", "muted", "rule"
SERIES = 8
"""Colours for data, Okabe–Ito in the order of their distance."""

_PAPER = {
    INK: "#1a1f24", MUTED: "#59636e", RULE: "#dcdfe3",
    "c0": "#0072b2", "c1": "#d55e00", "c2": "#009e73", "c3": "#cc79a7",
    "c4": "#e69f00", "c5": "#56b4e9", "c6": "#8c8c8c", "c7": "#6b5b00",
}  # fmt: skip
# Colours that nothing else uses, so that they can be identified in the SVG.
_STAND_INS = {name: f"#0{place:x}0e0{place:x}" for place, name in enumerate(_PAPER)}


_CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Sans CJK JP", "PingFang SC",
    "Hiragino Sans GB", "Heiti SC", "Microsoft YaHei", "SimHei", "DengXian", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


_LAST_DRAWN = 0x2E7F
"""First code point of the full-width characters, which matplotlib's bundled font lacks."""


class Drawing(NamedTuple):
    """A finished figure."""

    figure: Figure
    """matplotlib's figure."""

    subject: Text = Text("", "")
    """What it shows, where it shows only a part."""


@dataclass(frozen=True)
class Canvas:
    """Colours and texts of one picture."""

    name: str
    """Salt of the ids inside the SVG: several pictures share a page."""

    colours: dict[str, str]
    """Role → colour."""

    on_page: bool
    """Whether texts are placeholders."""

    boxes: bool = False
    """Whether each Chinese character is drawn as a box."""

    _texts: list[Text] = field(default_factory=list)

    @classmethod
    def for_page(cls, name: str) -> Canvas:
        """Return a canvas whose drawings become inline SVG."""
        return cls(name, _STAND_INS, on_page=True)

    @classmethod
    def for_paper(cls, name: str, *, boxes: bool = False) -> Canvas:
        """Return a canvas whose drawings become files.

        Args:
            name: Name of the picture.
            boxes: Whether each Chinese character is drawn as a box, because no installed font has them.
        """
        return cls(name, _PAPER, on_page=False, boxes=boxes)

    def settings(self) -> AbstractContextManager[None]:
        """Return matplotlib's settings for drawing and saving."""
        import matplotlib as mpl

        ink, muted, rule = (self.colours[name] for name in (INK, MUTED, RULE))
        return mpl.rc_context(
            {
                "svg.fonttype": "none", "svg.hashsalt": self.name, "text.parse_math": False, "font.size": 10,
                "path.simplify": True, "axes.edgecolor": rule, "axes.labelcolor": muted, "axes.linewidth": 0.8,
                "axes.spines.top": False, "axes.spines.right": False, "xtick.color": rule, "ytick.color": rule,
                "xtick.labelcolor": muted, "ytick.labelcolor": muted, "xtick.major.size": 3, "ytick.major.size": 3,
                "xtick.labelsize": 9, "ytick.labelsize": 9, "axes.labelsize": 9.5, "text.color": ink,
                "axes.unicode_minus": True, "figure.facecolor": "none", "axes.facecolor": "none",
                "savefig.facecolor": "none" if self.on_page else "white", "lines.solid_capstyle": "round",
                "pdf.fonttype": 42, "font.family": ["DejaVu Sans", *(() if self.on_page else chinese_fonts())],
            }
        )  # fmt: skip

    def colour(self, name: str) -> str:
        """Return the colour of a role."""
        return self.colours[name]

    def series(self, place: int) -> str:
        """Return a data colour; they repeat after `SERIES`."""
        return self.colours[f"c{place % SERIES}"]

    def string(self, key: str, **values: str) -> str:
        """Return one of the board's strings, for matplotlib."""
        return self._stand_in(text(key, **values))

    def data(self, value: str, limit: int = 28) -> str:
        """Return text of users, for matplotlib, truncated to the width of `limit` small letters."""
        shown = cut(value, limit)
        return self._stand_in(Text(shown, shown))

    def named(self, both: Text, suffix: str = "", *, limit: int = 30) -> str:
        """Return a name in both languages with the same ending, for matplotlib."""
        return self._stand_in(Text(clip(both.en, limit) + suffix, clip(both.zh, limit) + suffix))

    def to_svg(self, drawing: Drawing) -> str:
        """Return the drawing as an SVG element that uses the page's colours, language and fonts."""
        import io

        buffer = io.StringIO()
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        drawing.figure.savefig(buffer, format="svg", metadata=empty)
        return self._translate(_shrink(buffer.getvalue()))

    def _stand_in(self, both: Text) -> str:
        if not self.on_page:
            return "".join("▯" if self.boxes and ord(c) > _LAST_DRAWN else c for c in both.en)
        self._texts.append(both)
        # As wide as the final text, so that the layout fits; digits alone would be treated as a number.
        word = f"Q{len(self._texts) - 1}q"
        return word + "x" * max(0, round(width(both.en)) - len(word))

    def _translate(self, svg: str) -> str:
        for name, stand_in in self.colours.items():
            svg = svg.replace(stand_in, f"var(--{name})")

        def spelled(match: re.Match[str]) -> str:
            both = self._texts[int(match[1])]
            if both.en == both.zh:
                return html.escape(both.en)
            en, zh = html.escape(both.en), html.escape(both.zh)
            return f'<tspan lang="en">{en}</tspan><tspan lang="zh-Hans">{zh}</tspan>'

        return re.sub(r"\bQ(\d+)qx*\b", spelled, svg)


@functools.cache
def chinese_fonts() -> tuple[str, ...]:
    """Return a font with Chinese glyphs for PNG and PDF: this machine's, else that of the extra `paper`, else nothing.

    SVG needs none: its text remains text.
    """
    return _known_font() or _font_installed_later() or _font_of_extra()


def _known_font() -> tuple[str, ...]:
    from matplotlib import font_manager

    here = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in _CHINESE if name in here)[:1]


def _font_installed_later() -> tuple[str, ...]:
    """Register the fonts installed after matplotlib wrote its cache, and return the Chinese one among them."""
    from matplotlib import font_manager

    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        with contextlib.suppress(OSError, RuntimeError):  # a file that FreeType can't read
            font_manager.fontManager.addfont(path)
    return _known_font()


def _font_of_extra() -> tuple[str, ...]:
    """Register mplfonts' font with matplotlib and return its name; empty without that package."""
    from matplotlib import font_manager

    # Located and not imported, because importing it changes matplotlib's settings.
    spec = importlib.util.find_spec("mplfonts")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "fonts" / "NotoSansCJKsc-Regular.otf"
        if path.is_file():
            font_manager.fontManager.addfont(path)
            regular = next(font for font in font_manager.fontManager.ttflist if font.fname == str(path))
            # There is no bold one: the regular one replaces it, as each bold label would cause a warning.
            font_manager.fontManager.ttflist.append(replace(regular, weight=700))
            return (regular.name,)
    return ()


def cut(value: str, limit: int) -> str:
    """Return text of at most the width of `limit` small letters; an ellipsis replaces the rest."""
    shown = clip(value, limit)
    while width(shown) > limit:
        shown = shown.removesuffix("…")[:-1] + "…"
    return shown


def width(shown: str) -> float:
    """Return the width of a text in small letters: full-width characters count two."""
    return sum(1.9 if ord(character) > _LAST_DRAWN else 1.0 for character in shown)


def bare(axes: Axes, *, keep: str = "bottom") -> None:
    """Remove an axis's frame except for one side."""
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(side in keep)


def place_labels(axes: Axes, points: list[tuple[float, float, str, str]], *, size: float = 9) -> None:
    """Write labels near points so that they cover nothing: no interval, curve, point, line or other label.

    A label goes to the nearest free place; where that isn't beside its point, a thin line connects them. A label
    without a free place is left out.

    Args:
        axes: Axes whose content is drawn and whose limits are final.
        points: x, y, label, colour; the first ones are placed first.
        size: Font size.
    """
    import numpy as np

    figure = axes.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]  # axes of a figure, never of a part
    pixels = figure.dpi / 72
    to_data = axes.transData.inverted().transform
    frame = axes.get_window_extent()
    drawn = _drawn(axes, pixels)
    taken: list[_Box] = []
    for x, y, label, colour in points:
        px, py = axes.transData.transform((x, y))
        wide, high = width(label) * size * 0.6 * pixels, size * 1.3 * pixels
        for box in _places(px, py, wide, high, pixels):
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            near = (min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3]))
            leader = _along((px, py), near, keep=1.0)
            crosses = any(_overlap(box, other) or _covers(other, leader) for other in taken)
            if inside and not crosses and not _covers(box, drawn):
                break
        else:
            continue
        taken.append(box)
        middle = to_data(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
        axes.text(middle[0], middle[1], label, color=colour, fontsize=size, ha="center", va="center", zorder=6)
        if math.dist((px, py), near) > _BESIDE * pixels:
            drawn = np.concatenate([drawn, leader])
            axes.plot(*zip((x, y), to_data(near), strict=True), color=colour, linewidth=0.5, alpha=0.5, zorder=1)


_Box = tuple[float, float, float, float]
"""Left, lower, right, upper, in pixels."""

_BESIDE = 12
"""Largest distance of a label without a line to its point, in points of type."""


def _places(px: float, py: float, wide: float, high: float, pixels: float) -> Iterator[_Box]:
    """Yield places of a label around a point, nearest first; of equally near ones, those beside it first."""
    angles = sorted((turn * math.pi / 8 for turn in range(16)), key=lambda angle: (abs(math.sin(angle)), angle))
    for distance in (7, 12, 20, 32, 46):
        for angle in angles:
            x = px + math.cos(angle) * (distance * pixels + wide / 2)
            y = py + math.sin(angle) * (distance * pixels + high / 2)
            # The line to a distant label is oblique: a vertical or horizontal one would look like an interval.
            if distance <= _BESIDE or (abs(x - px) > wide / 2 and abs(y - py) > high / 2):
                yield (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)


def _drawn(axes: Axes, pixels: float) -> NDArray[np.float64]:
    """Return points along everything that is drawn, two pixels apart: x, y and the distance that labels keep."""
    import numpy as np

    dots = []
    for line in axes.get_lines():
        path = line.get_transform().transform(line.get_xydata())
        marked = line.get_marker() not in {None, "None", "", " "}
        keep = pixels * (2 + max(line.get_linewidth() / 2, line.get_markersize() / 2 if marked else 0))
        dots.append(np.column_stack([path, np.full(len(path), keep)]))
        dots += [_along(start, end, keep=2 * pixels) for start, end in itertools.pairwise(path)]
    return np.concatenate(dots) if dots else np.empty((0, 3))


def _along(start: ArrayLike, end: ArrayLike, *, keep: float) -> NDArray[np.float64]:
    """Return points on a line, two pixels apart or closer, with the distance that labels keep."""
    import numpy as np

    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    steps = np.linspace(0, 1, 2 + int(math.dist(first, last) / 2))[:, None]
    return np.column_stack([first + steps * (last - first), np.full(len(steps), keep)])


def _covers(box: _Box, drawn: NDArray[np.float64]) -> bool:
    x, y, keep = drawn.T
    return bool(((box[0] - keep < x) & (x < box[2] + keep) & (box[1] - keep < y) & (y < box[3] + keep)).any())


def _overlap(a: _Box, b: _Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _short_number(match: re.Match[str]) -> str:
    shown = f"{float(match[0]):.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


_NEEDLESS = re.compile(
    r"""<metadata>.*?</metadata> | <!--.*?--> | <defs>\s*<style.*?</style>\s*</defs>
    | <clipPath.*?</clipPath> | \sclip-path="[^"]*"  # nothing is drawn outside the axes
    | \s(?:xmlns(?::xlink)?|version)="[^"]*" | \swidth="[^"]*pt"\sheight="[^"]*pt"
    | \stransform="rotate\(-?0\ [^"]*\)" | \s*font-family:[^;"]*;?""",
    re.DOTALL | re.VERBOSE,
)
"""Parts of an SVG file that a page doesn't need."""


def _shrink(svg: str) -> str:
    """Return the svg element only, without the parts that a page doesn't need; numbers have one decimal."""
    svg = _NEEDLESS.sub("", svg[svg.index("<svg") :]).replace("xlink:href", "href")
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r'\sid="([^"]*)"', lambda m: m[0] if m[1] in used else "", svg)
    # Only inside tags: numbers between them are visible text.
    svg = re.sub(r"<[^>]*>", lambda m: re.sub(r"-?\d+\.\d+", _short_number, m[0]), svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = " ".join(re.sub(r"<g>\s*</g>", "", svg).split())
    return svg.replace("> <", "><").replace("<svg", '<svg role="img"', 1)
