"""The picture and the panel of a trajectory: clean, with every role, and absent without measured checkpoints."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards.build import build
from tcmbench.boards.canvas import Canvas
from tcmbench.boards.cells import ShownEstimate
from tcmbench.boards.figures import trajectory
from tcmbench.boards.html import to_html
from tcmbench.boards.options import Options
from tcmbench.boards.table import StepPoint

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from tcmbench.boards.table import Table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a small table in which one variant has a trajectory without a held-out gain."""
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=2, columns=3, items=20, broken=False))
    built = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))
    points = tuple(
        StepPoint(
            step, in_domain=ShownEstimate(step / 10, step / 10 - 1, step / 10 + 1), general=ShownEstimate(-step / 9)
        )
        for step in (10, 20, 30)
    )
    name = next(row.name for row in built.rows if row.kind == "variant")
    rows = tuple(replace(row, trajectory=points, probe_items=300) if row.name == name else row for row in built.rows)
    return replace(built, rows=rows)


def test_the_picture_has_a_panel_per_role(table: Table) -> None:
    """Two roles have figures; the words are on the page in both languages, and a second drawing is the same."""
    canvas = Canvas.for_page("trajectory")
    drawn = []
    for _ in range(2):
        with canvas.settings():
            drawing = trajectory.draw(table, canvas)
            assert drawing is not None
            assert len(drawing.figure.axes) == 1 + 2
            drawn.append(canvas.to_svg(drawing))
    assert drawn[0] == drawn[1]
    ET.fromstring(drawn[0])  # noqa: S314 - our own text
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn[0])) <= {"#ffffff", "#000000"}
    assert "遗忘" in drawn[0]
    plain = replace(table, rows=tuple(replace(row, trajectory=()) for row in table.rows))
    with canvas.settings():
        assert trajectory.draw(plain, canvas) is None


def test_the_panel_has_the_points(table: Table) -> None:
    """The reference is step 0 at a difference of 0; rows without a trajectory have none."""
    data = json.loads(to_html(table).partition('id="data">')[2].partition("</script>")[0])
    rows = [row for packed in data["packed"] for row in json.loads(zlib.decompress(base64.b64decode(packed)))]
    shown = {row.name: found.get("trajectory") for row, found in zip(table.rows, rows, strict=True)}
    (own,) = (value for value in shown.values() if value is not None)
    assert own == {
        "0": {
            "step": [0, 10, 20, 30],
            "over_steps_in_domain": [0.0, 1.0, 2.0, 3.0],
            "over_steps_general": [0.0, -1.11, -2.22, -3.33],
        }
    }
