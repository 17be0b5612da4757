"""A model that was measured in another precision than the reference is named wherever the board goes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards import notes
from tcmbench.boards.html import to_html
from tcmbench.boards.latex import to_latex
from tcmbench.boards.markdown import to_markdown
from tcmbench.boards.summary import to_text
from tcmbench.comparison import conditions
from tcmbench.specs.suite import Suite, SuiteTask

from .three_tasks import entry
from .three_tasks import table as built

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table
    from tcmbench.records.score import Provenance, Score

SAID = "Measured in another precision than base (float32): half (bfloat16). A part of their difference may be rounding."


def _table(root: Path, *, reference: str, other: str) -> Table:
    """Return a board of the base and a variant in some precisions."""
    from tcmbench.boards.build import build

    from .three_tasks import OPTIONS, SET, SUITE

    base = replace(entry(root, "base", kind="base"), precision=reference)
    return build(SET, SUITE, [base, replace(entry(root, "half"), precision=other)], options=OPTIONS)


def test_unlike_precisions_are_named_in_every_format(tmp_path: Path) -> None:
    """Page in both languages, terminal, Markdown and LaTeX; the table's data stays as it was."""
    table = _table(tmp_path, reference="float32", other="bfloat16")
    assert SAID in to_text(table)
    assert SAID.replace("(", r"\(") in to_markdown(table) or SAID in to_markdown(table)
    assert "Measured in another precision than base" in to_latex(table)
    page = to_html(table)
    assert "Measured in another precision than" in page
    assert "计算精度不同" in page


def test_unlike_devices_are_named_in_every_format(tmp_path: Path) -> None:
    """The number of GPUs or cores doesn't matter; a model without weights has no device."""
    table = _table(tmp_path, reference="float32", other="bfloat16")
    base, half = (
        replace(row, device=device) for row, device in zip(table.rows, ("NVIDIA H200", "x86_64 CPU"), strict=True)
    )
    table = replace(table, rows=(base, half))
    said = "Measured on another device than base (NVIDIA H200): half (x86_64 CPU). A part of their difference may be"
    assert f"{SAID} {said}" in to_text(table)
    assert "Measured on another device than base" in to_latex(table)
    assert "计算精度不同" in to_html(table)
    assert "计算设备不同" in to_html(table)
    same = replace(table, rows=(base, replace(half, device="NVIDIA H200")))
    assert "device" not in to_text(same)


def test_unlike_versions_are_named_in_every_format(tmp_path: Path) -> None:
    """Of the packages that differ alone: an upgrade between two runs is no gain of a model."""
    table = _table(tmp_path, reference="float32", other="float32")
    own = {"torch": "2.13.0", "transformers": "5.1.0", "mteb": "2.26.24"}
    base, half = table.rows
    upgraded = replace(half, versions={"torch": "2.13.0", "transformers": "5.2.0", "tokenizers": "0.23"})
    table = replace(table, rows=(replace(base, versions=own), upgraded))
    said = "Measured with other packages than base (transformers 5.1.0): half (transformers 5.2.0). A part of"
    assert said in to_text(table)
    assert "Measured with other packages than base" in to_latex(table)
    assert "所用软件包版本不同" in to_html(table)
    same = replace(table, rows=(replace(base, versions=own), replace(half, versions=own)))
    assert "other packages" not in to_text(same)


def test_versions_are_those_of_all_scores_of_a_model(tmp_path: Path) -> None:
    """Where scores of one model were measured before and after an upgrade, both versions are named."""
    plain = entry(tmp_path, "base", kind="base")
    number = iter(range(100))
    scores = {
        name: tuple(replace(s, record=s.record.model_copy(update={"provenance": _with(s, next(number))})) for s in each)
        for name, each in plain.scores.items()
    }
    versions = replace(plain, scores=scores, precision="float32").versions
    assert versions == {"mteb": "2.0", "torch": "2.0 and 2.1"}
    assert replace(plain, scores=scores, precision="").versions == {"mteb": "2.0"}


def _with(score: Score, number: int) -> Provenance:
    versions = {"mteb": "2.0", "torch": f"2.{number % 2}", "onnx": "1.0"}
    return score.record.provenance.model_copy(update={"packages": versions})


@pytest.mark.parametrize(
    ("hardware", "device"),
    [("8 × NVIDIA H200", "NVIDIA H200"), ("x86_64 CPU, 64 cores", "x86_64 CPU"), ("two cores", "two cores")],
)
def test_the_device_of_a_score_is_its_hardware_without_numbers(tmp_path: Path, hardware: str, device: str) -> None:
    """Of all scores of a model with weights; other models have none."""
    plain = entry(tmp_path, "base", kind="base")
    scores = {
        name: tuple(replace(s, record=s.record.model_copy(update={"provenance": _on(s, hardware)})) for s in each)
        for name, each in plain.scores.items()
    }
    assert replace(plain, scores=scores, precision="float32").device == device
    assert replace(plain, scores=scores, precision="").device == ""


def _on(score: Score, hardware: str) -> Provenance:
    return score.record.provenance.model_copy(update={"hardware": hardware})


@pytest.mark.parametrize(("reference", "other"), [("float32", "float32"), ("", "bfloat16"), ("bfloat16", "")])
def test_equal_and_unknown_precisions_are_not(tmp_path: Path, reference: str, other: str) -> None:
    """A model without weights, such as BM25, has none."""
    assert notes.unlike_conditions(_table(tmp_path, reference=reference, other=other)) is None
    assert notes.unlike_conditions(built(tmp_path / "plain", entry(tmp_path, "other"))) is None


def test_the_gate_says_what_its_figures_depend_on() -> None:
    """One sentence each on samples, precisions, devices and versions, none without any."""
    unlike = conditions.unlike({"a": "float32", "b": "bfloat16", "c": "", "d": "float32"}, reference="a")
    assert unlike == {"b": "bfloat16"}
    said = conditions.precisions_line(unlike, reference="a", precision="float32")
    assert said == "Unlike precisions: b in bfloat16, a in float32. A part of their difference may be rounding."
    assert conditions.precisions_line({}, reference="a", precision="float32") == ""
    said = conditions.devices_line({"b": "x86_64 CPU"}, reference="a", device="NVIDIA H200")
    assert said == "Unlike devices: b on x86_64 CPU, a on NVIDIA H200. A part of their difference may be rounding."
    assert conditions.devices_line({}, reference="a", device="NVIDIA H200") == ""
    versions = {"a": {"torch": "2.13"}, "b": {"torch": "2.12", "mteb": "2"}, "c": {}, "d": {"torch": "2.13"}}
    found, own = conditions.unlike_versions(versions, reference="a")
    said = conditions.versions_line(found, reference="a", versions=own)
    assert said.startswith("Unlike versions: b with torch 2.12, a with torch 2.13. A part of their difference may be")
    assert conditions.unlike_versions(versions, reference="absent") == ({}, "")
    assert conditions.versions_line({}, reference="a", versions="") == ""
    assert conditions.samples_line({"LCQMC": 2000}).endswith("texts: LCQMC (2,000).")
    assert conditions.samples_line({}) == ""


def test_a_quick_look_lowers_the_limit_of_a_sampled_column() -> None:
    """What is said of a column is what is measured, and a column of its own limit keeps a lower one."""
    limits = {"A": 2000, "B": 50, "C": None}
    columns = tuple(SuiteTask(task=name, role="general", limit=most) for name, most in limits.items())
    suite = Suite(name="s", tasks=columns)
    assert suite.samples == {"A": 2000, "B": 50}
    look = suite.model_copy(update={"limit": 100})
    assert look.samples == {"A": 100, "B": 50}
    assert {column.column: look.limit_of(column) for column in columns} == {"A": 100, "B": 50, "C": 100}


def test_a_page_knows_the_limits_of_its_columns(tmp_path: Path) -> None:
    """Every line of a sample in the files that it writes says so, as in scores.csv."""
    whole = built(tmp_path, entry(tmp_path, "other"))
    first, *others = whole.columns
    page = to_html(replace(whole, columns=(replace(first, limit=50), *others)))
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [column.get("limit") for column in data["columns"]] == [50, None, None]
