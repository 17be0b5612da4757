"""Forms as rows: made from bases, judged against them, with the cost of running beside; end to end on small data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.boards.build import build
from tcmbench.boards.columns import load_shown
from tcmbench.checks import check
from tcmbench.checks.check import Options
from tcmbench.comparison import forms
from tcmbench.comparison.measured import measured_set
from tcmbench.errors import SpecError, UnknownName
from tcmbench.evaluation import serving as one_model
from tcmbench.runs import serving, serving_figures
from tcmbench.serving import served
from tcmbench.specs import policy
from tcmbench.specs.model_set import ModelSet
from tests.running import run

if TYPE_CHECKING:
    from tcmbench.evaluation.serving import ServingOrder
    from tcmbench.workspace import Workspace

SET = """
suite = "tiny"
reference = "mini-zh-static"
models = ["mini-zh-static"]
[policy.form]
margin = 2.0
n_resamples = 1000
[[form]]
name = "static-{precision}"
of = "mini-zh-static"
form = "vectors"
each = { precision = ["float16", "binary"] }
[[form]]
name = "static-8"
of = "mini-zh-static"
form = "vectors"
options = { dimensions = 8 }
"""


def write(place: Workspace, text: str = SET) -> ModelSet:
    """Write the set, and return it."""
    (place.root / "models/sets/tiny.toml").write_text(text, encoding="utf-8")
    return place.spec(ModelSet, "tiny")


def test_forms_of_a_base_are_rows_that_are_judged_against_it(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows with own scores, one encoding, a verdict by the rules for forms, and measured costs, on the board, too."""
    model_set = write(place)
    done = run(place, "tiny")
    rows = {entry.name: entry for entry in done.entries}
    assert [row.form_of for row in rows.values()] == ["", *["mini-zh-static"] * 3]
    assert {row.kind for row in rows.values()} == {"base"}
    records = [score.record for name in list(rows)[1:] for (score,) in rows[name].scores.values()]
    assert {record.provenance.encoded_texts for record in records} == {0}
    assert len({record.model_revision for record in records}) == 3
    planned = tasks.plan_set(place, model_set)
    policies = place.policies(model_set)
    assert (policies.form.keep, policies.form.required_gain, policies.form.margin) == ("all", None, 2.0)
    verdicts = {
        v.name: v for v in forms.judge(measured_set(model_set, planned.suite, done.entries), policy=policies.form)
    }
    assert {v.counterpart for v in verdicts.values()} == {"mini-zh-static"}
    assert verdicts["static-float16"].outcome == "pass"
    assert verdicts["static-8"].outcome == "regression"
    kept = verdicts["static-float16"].result.kept
    assert kept is not None
    assert abs(kept.value) < 0.5

    report = check.check(place, "tiny", Options())
    assert (report.against, report.exit_code) == ("source", 1)
    assert {model.name for model in report.models} == set(verdicts)
    said = served.verdict(place, "tiny", "static-8")
    assert (said["outcome"], said["reference"]) == ("regression", "mini-zh-static")

    monkeypatch.setattr(serving, "_apart", _timed)
    found = serving.measure(place, model_set, planned, repeats=2, most=(4, 30), report=lambda *_: None)
    assert [found[name].bytes_per_document for name in rows] == [1536, 768, 48, 32]
    assert found["static-8"].parameters == 6_160_000
    entries = serving_figures.attached(place, model_set, planned, done.entries)
    assert all(entry.cost and entry.cost.serving == found[entry.name] for entry in entries)

    table = build(model_set, planned.suite, entries)
    shown = {row.name: row.form for row in table.rows}
    assert shown["mini-zh-static"] is None
    judged = shown["static-8"]
    assert judged is not None
    assert (judged.of, judged.gate.outcome) == ("mini-zh-static", "regression")
    assert table.rows[0].name == "mini-zh-static"
    assert {"form_change", "form_gate", "bytes_per_document", "query_time"} <= {
        name for name, _ in load_shown(table.rows)
    }
    assert run(place, "tiny").events == []


def _timed(order: ServingOrder) -> one_model.ServingFigures:
    """Measure in this process."""
    return one_model.measure(replace(order, device="cpu"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('of = "mini-zh-static"\nform = "vectors"\noptions', 'of = "mini"\nform = "vectors"\noptions', "static-8: of"),
        ('name = "static-8"', 'name = "mini-zh-static"', "used twice, by a form"),
    ],
)
def test_names_of_forms_are_checked(place: Workspace, old: str, new: str, message: str) -> None:
    """A form is of a model that comes before it, and has a name of its own."""
    with pytest.raises(UnknownName, match=message):
        place.forms(write(place, SET.replace(old, new)))


def test_a_form_of_a_form_is_compared_with_the_first_model() -> None:
    """Steps between are no models that were shipped before."""
    assert forms.source_of("c", {"c": "b", "b": "a"}) == "a"


def test_a_set_without_forms_has_none_to_check(place: Workspace) -> None:
    """The question is refused, with the way to ask it."""
    write(place, SET[: SET.index("[policy.form]")])
    with pytest.raises(SpecError, match=r"has no forms to compare .*docs/forms\.md"):
        check.check(place, "tiny", Options(against="source"))


def test_rules_for_forms_are_those_of_the_policy() -> None:
    """Rules at the top apply to forms, except gains; their own table comes first."""
    rules = policy.parse({"margin": 0.5, "required_gain": 2.0, "form": {"cap": 1.0}}, where="", source="")
    assert (rules.form.margin, rules.form.cap, rules.form.required_gain, rules.form.keep) == (0.5, 1.0, None, "all")
    with pytest.raises(SpecError, match="looks are planned for the reference only"):
        policy.parse({"form": {"looks": 2}}, where="", source="")
