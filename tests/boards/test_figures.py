"""Pictures: deterministic, small, in the page's colours, and safe."""

from __future__ import annotations

import re
import shutil
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench import plugins
from tcmbench.boards import canvas, figures
from tcmbench.boards.build import build
from tcmbench.boards.canvas import width
from tcmbench.boards.figures import confusions, pareto, pictures, save
from tcmbench.boards.options import Options

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.boards.table import Table
    from tcmbench.plugins import Kind


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a table with a hostile, a mathematical and a Chinese name."""
    labels = {0: '</text><script>alert("1")</script>', 3: "$\\frac{1}{0}$", 4: "脾胃虚弱增强版"}
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=5, columns=4, items=30, broken=False, labels=labels))
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def test_pictures_are_clean_svg_twice_the_same(table: Table) -> None:
    """Every picture parses, has no script, address or fixed colour, and comes out the same again."""
    drawn = pictures(table)
    assert [picture.name for picture in drawn] == ["pareto", "forest", "slices", "confusions", "cost", "training"]
    assert drawn == pictures(table)
    for picture in drawn:
        parsed = ET.fromstring(picture.svg)  # noqa: S314 - our own text
        assert {element.tag for element in parsed.iter()} <= {"svg", "g", "path", "defs", "use", "text", "tspan"}
        assert "http" not in picture.svg
        assert set(re.findall(r"#[0-9a-f]{6}\b", picture.svg)) <= {"#ffffff", "#000000"}
        assert not re.search(r"\bQ\d+q", picture.svg)
    shown = drawn[0].svg
    assert "脾胃虚弱增强版" in shown
    assert "$\\frac{1}{0}$" in shown
    assert "<script" not in shown


def test_numbers_of_axes_are_whole(table: Table) -> None:
    """Shortening the coordinates leaves the numbers that people read alone."""
    training = next(picture for picture in pictures(table) if picture.name == "training")
    read = re.findall(r">([\d.e−-]+)</text>", training.svg)
    assert len(read) > 6
    assert any(re.fullmatch(r"\d(\.\d)?e-[56]", number) for number in read)


def test_save_writes_every_format(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures for papers come as SVG, PNG and PDF without a date inside."""
    monkeypatch.setattr(figures, "load_all", lambda: [("pareto", pareto), ("confusions", confusions)])
    written = save(table, tmp_path)
    assert {path.suffix for path in written} == {".svg", ".png", ".pdf"}
    assert len(written) == 6
    assert b"CreationDate" not in (tmp_path / "pareto.pdf").read_bytes()
    assert "脾胃虚弱增强版" in (tmp_path / "pareto.svg").read_text(encoding="utf-8")


def test_files_without_a_chinese_font_show_boxes(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no font has the characters, PNG and PDF show boxes, not one warning is given, and SVG stays whole."""
    monkeypatch.setattr(canvas, "chinese_fonts", tuple)
    monkeypatch.setattr(figures, "chinese_fonts", tuple)
    monkeypatch.setattr(figures, "load_all", lambda: [("pareto", pareto)])
    assert canvas.Canvas.for_paper("pareto", boxes=True).data("脾虚 A") == "▯▯ A"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = save(table, tmp_path, formats=("svg", "pdf"))
    assert [path.name for path in written] == ["pareto.svg", "pareto.pdf"]
    assert "脾胃虚弱增强版" in written[0].read_text(encoding="utf-8")


def test_the_font_of_the_extra_is_taken_where_the_system_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mplfonts' font serves where no other has Chinese glyphs; its code, which changes settings, does not run."""
    from matplotlib import font_manager, get_data_path

    known = font_manager.fontManager
    latin = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    monkeypatch.setattr(known, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    font = tmp_path / "mplfonts" / "fonts" / "NotoSansCJKsc-Regular.otf"
    font.parent.mkdir(parents=True)
    (tmp_path / "mplfonts" / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert canvas.chinese_fonts.__wrapped__() == ()
    shutil.copy(latin, font)
    (name,) = canvas.chinese_fonts.__wrapped__()
    assert {(entry.fname, entry.weight) for entry in known.ttflist if entry.name == name} == {
        (str(font), 400),
        (str(font), 700),
    }


def test_a_font_installed_after_matplotlib_s_cache_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fonts of the system that the cache lacks are registered; a file that is no font is skipped."""
    from matplotlib import font_manager, get_data_path

    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(canvas, "_CHINESE", ("Song", "DejaVu Sans"))
    late = Path(shutil.copy(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", tmp_path))
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(tmp_path / "broken.ttf"), str(late)])
    assert canvas.chinese_fonts.__wrapped__() == ("DejaVu Sans",)


def test_no_label_covers_a_line_a_point_or_another_label() -> None:
    """In a crowd of points with intervals: what has no free place is left out, the first label is there."""
    from matplotlib.figure import Figure

    random = np.random.default_rng(3)
    axes = Figure(figsize=(5.2, 3.7)).subplots()
    points = [(float(x), float(y)) for x, y in random.normal(size=(14, 2))]
    for x, y in points:
        axes.plot([x - 0.4, x + 0.4], [y, y])
        axes.plot([x, x], [y - 0.4, y + 0.4])
        axes.plot(x, y, "o")
    axes.axvline(0)
    intervals = len(axes.lines)
    canvas.place_labels(axes, [(x, y, f"model {place}", "black") for place, (x, y) in enumerate(points)])
    boxes = [text.get_window_extent() for text in axes.texts]
    assert axes.texts[0].get_text() == "model 0"
    assert len(boxes) > 5
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
        for line in axes.lines[:intervals]:
            assert not line.get_path().transformed(line.get_transform()).intersects_bbox(box, filled=False)


def test_width_counts_wide_characters() -> None:
    """A Chinese character takes about as much room as two letters, and text is cut by its width."""
    assert canvas.cut("abc", 3) == "abc"
    assert canvas.cut("脾胃虚弱证", 6) == "脾胃…"
    assert width("ab") == 2
    assert 3 < width("增益") < 4.1


@pytest.mark.parametrize("name", plugins.names("figures"))
def test_a_caption_has_both_languages(name: str) -> None:
    """Title and text."""
    caption = plugins.load("figures", name).CAPTION
    for both in (caption.title, caption.text):
        assert re.search("[\u4e00-\u9fff]", both.zh)
        assert not re.search("[\u4e00-\u9fff]", both.en)


FIGURE = """\"\"\"Counts rows.\"\"\"

from tcmbench.boards.canvas import Drawing
from tcmbench.boards.figures import Caption
from tcmbench.boards.texts import Text

CAPTION = Caption(position=5, title=Text("Rows", "行"), text=Text("How many there are.", "共有多少。"))


def draw(table, canvas):
    \"\"\"Return a bar.\"\"\"
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().bar(0, len(table.rows))
    return Drawing(figure)
"""


def test_a_picture_of_another_package_stands_on_the_board(
    table: Table, install: Callable[[Kind, str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file is one picture, in its place and with its own caption."""
    install("figures", "row_count", FIGURE)
    names = [name for name, _ in figures.load_all()]
    assert names[0] == "row_count"
    every = figures.load_all()
    monkeypatch.setattr(figures, "load_all", lambda: every[:1])
    (picture,) = pictures(table)
    assert (picture.name, picture.caption.title.zh) == ("row_count", "行")
    assert picture.svg.startswith("<svg")
