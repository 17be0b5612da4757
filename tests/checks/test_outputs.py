"""Every output there is: whole, deterministic, parsed by its own format's reader, and safe with any text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tcmbench.checks import outputs
from tcmbench.checks.state import Place
from tcmbench.checks.verdict import RULES, Report
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import regression
from tcmbench.comparison.cures import CureAdvice, block
from tcmbench.comparison.reference import AgainstReference
from tcmbench.comparison.verdict import Problem
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason
from tcmbench.stats import gate
from tests.comparison.states import POLICIES, POLICY, state, with_record, with_values, without

if TYPE_CHECKING:
    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.comparison.verdict import Against, ModelVerdict

PLACES = {"random-full-00": Place("models/variants/random-full-00.toml", 3)}
NASTY = "<b>&amp; | `x` ]]> \x00\x1b \ud83d\ude00 脾"


def report(models: list[ModelVerdict], *, against: Against = "baseline") -> Report:
    """Return a report on these models."""
    return Report(
        set_name="fake", suite="fake", synthetic=True, reference="mini-zh", against=against,
        baseline="leaderboards/fake/baseline.json", policy_source="default", models=tuple(models), columns=4,
        places=PLACES, version="0.1.0",
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MeasuredSet:
    """A set with all its scores."""
    return state(tmp_path_factory.mktemp("scores"))


@pytest.fixture(scope="module")
def mixed(whole: MeasuredSet) -> Report:
    """One model that regressed, one without a score, one on another task, one that passes."""
    kept = baselines.make(whole, policy=POLICY)
    fell = with_values(whole, "random-full-00", "HeldOut1", lambda values: values * 0.5)
    holed = without(fell, "bm25-words", "General2", CellState("failed", Reason.message("out of memory")))
    return report(regression.judge(holed, kept, policies=POLICIES, where="baseline.json"))


@pytest.mark.parametrize("name", outputs.names())
def test_every_output_is_deterministic_and_tells_the_verdict(mixed: Report, name: str) -> None:
    """The same bytes each time, the regressed model and task in them, ended by one newline."""
    text = outputs.load(name).render(mixed)
    assert text == outputs.load(name).render(mixed)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(word in text for word in ("random-full-00", "HeldOut1", "out of memory"))


@pytest.mark.parametrize("name", outputs.names())
def test_every_output_survives_any_text(mixed: Report, name: str) -> None:
    """Reasons come from anywhere: markup, control characters, other scripts."""
    nasty = replace(
        mixed.models[0],
        problems=(Problem("missing", "General2", NASTY.encode("utf-16", "surrogatepass").decode("utf-16")),),
    )
    text = outputs.load(name).render(report([nasty]))
    text.encode("utf-8")
    if name == "junit":
        ET.fromstring(text)  # noqa: S314 - our own file
    if name in {"json", "sarif"}:
        json.loads(text)
    if name == "markdown":
        assert "<b>" not in text


HOSTILE = "`![x](https://evil.example/x.png)` <img src=x> @everyone [a](b) |c|"


def test_markdown_shows_names_as_they_are(mixed: Report) -> None:
    """No image is loaded, no link made, nobody mentioned, wherever a name stands."""
    models = tuple(replace(model, name=HOSTILE) for model in mixed.models)
    named = replace(mixed, set_name=HOSTILE, suite="``x", models=models, policy_source=HOSTILE)
    text = outputs.load("markdown").render(named)
    assert f"Set `` {HOSTILE} ``, suite ``` ``x ```" in text
    outside = text.replace(f"`` {HOSTILE} ``", "")
    assert "<img" not in outside.replace("\\<img", "")
    assert "tasks of `![x](https://evil.example/x.png)` &lt;img src=x&gt; @everyone" in outside
    told = [line for line in outside.splitlines() if "<summary>" not in line]
    assert not any(sign in line for line in told for sign in ("![", "[a](", "@everyone"))
    assert any("@&#8203;everyone" in line for line in told)


def test_sarif_makes_no_links(mixed: Report) -> None:
    """Its plain text knows links like those of Markdown."""
    results = json.loads(outputs.load("sarif").render(replace(mixed, models=(replace(mixed.models[0], name=HOSTILE),))))
    assert all("](" not in result["message"]["text"] for result in results["runs"][0]["results"])


@pytest.mark.parametrize("name", ["console", "markdown"])
def test_what_is_said_of_many_is_said_once(mixed: Report, name: str) -> None:
    """Ten variants that aren't trained yet are one line, not a hundred and ten."""
    missing = tuple(Problem("missing", f"Task{number}", "pending: not trained yet") for number in range(4))
    models = [
        replace(mixed.models[0], name=f"v{number}", problems=missing, result=gate.judge([], policy=POLICY))
        for number in range(3)
    ]
    text = outputs.load(name).render(report(models))
    assert text.count("not trained yet") == 1
    assert all(words in text for words in ("v0, v1, v2", "all 4 tasks: pending"))


def test_the_exit_code_is_that_of_the_most_serious_model(mixed: Report, whole: MeasuredSet) -> None:
    """3 before 2 before 1 before 0."""
    codes = {model.name: model.exit_code for model in mixed.models}
    assert codes == {"mini-zh": 0, "bm25-words": 2, "random-full-00": 1}
    assert (mixed.exit_code, mixed.outcome) == (2, "missing")
    kept = baselines.make(whole, policy=POLICY)
    other = regression.judge(with_record(whole, "General2", task_revision="x"), kept, policies=POLICIES, where="b")
    assert report([*mixed.models, *other]).exit_code == 3
    assert report([]).exit_code == 2


def test_junit_counts_what_it_holds(mixed: Report) -> None:
    """A suite a model, a case a task; a missing score is an error, a regression a failure."""
    root = ET.fromstring(outputs.load("junit").render(mixed))  # noqa: S314 - our own file
    for suite in root.iter("testsuite"):
        cases = list(suite.iter("testcase"))
        assert int(suite.get("tests", "")) == len(cases)
        assert int(suite.get("failures", "")) == sum(case.find("failure") is not None for case in cases)
        assert int(suite.get("errors", "")) == sum(case.find("error") is not None for case in cases)
    error = root.find("testsuite[@name='fake.bm25-words']/testcase[@name='General2']/error")
    assert error is not None
    assert error.get("type") == "missing"
    failure = root.find("testsuite[@name='fake.random-full-00']/testcase[@name='HeldOut1']/failure")
    assert failure is not None
    assert root.get("tests") == str(sum(1 for _ in root.iter("testcase")))


def test_sarif_has_what_2_1_0_requires(mixed: Report) -> None:
    """Required properties of the standard (§3.13–3.27) and what code scanning needs: a rule, a place, a fingerprint."""
    log = json.loads(outputs.load("sarif").render(mixed))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert run["invocations"][0]["executionSuccessful"] is False
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert not place["artifactLocation"]["uri"].startswith(("/", ".."))
        assert place["region"]["startLine"] >= 1
        assert len(result["partialFingerprints"]["tcmbench/v1"]) == 64
    assert len({result["partialFingerprints"]["tcmbench/v1"] for result in run["results"]}) == len(run["results"])


def test_a_fingerprint_doesn_t_depend_on_figures(mixed: Report, whole: MeasuredSet) -> None:
    """A regression that stays is the same alert, though its size moves."""
    kept = baselines.make(whole, policy=POLICY)
    fell = with_values(whole, "random-full-00", "HeldOut1", lambda values: values * 0.6)
    other = report(regression.judge(fell, kept, policies=POLICIES, where="b"))

    def prints(of: Report) -> set[str]:
        results = json.loads(outputs.load("sarif").render(of))["runs"][0]["results"]
        return {r["partialFingerprints"]["tcmbench/v1"] for r in results if r["ruleId"] == "task_regressed"}

    assert prints(mixed) == prints(other) != set()


def test_json_holds_every_task_of_every_model(mixed: Report, whole: MeasuredSet) -> None:
    """With finite numbers only."""
    found = json.loads(outputs.load("json").render(mixed))
    assert (found["exit_code"], found["outcome"]) == (2, "missing")
    by_name = {model["name"]: model for model in found["models"]}
    assert [task["task"] for task in by_name["mini-zh"]["tasks"]] == [column.column for column in whole.columns]
    fell = next(task for task in by_name["random-full-00"]["tasks"] if task["task"] == "HeldOut1")
    assert fell["verdict"] == "regressed"
    assert fell["change"]["low"] < fell["change"]["value"] < fell["change"]["high"] < 0


@pytest.mark.parametrize("name", ["console", "markdown", "json"])
def test_both_questions_are_answered_where_both_can_be_asked(whole: MeasuredSet, mixed: Report, name: str) -> None:
    """The first line names the exit code and the question it answers; the other has none."""
    comparison = AgainstReference(whole, policy=POLICIES.reference)
    other = report([comparison.judge("random-full-00")], against="reference")
    text = outputs.load(name).render(replace(mixed, other=other))
    if name == "json":
        both = json.loads(text)
        assert (both["question"], both["other"]["question"]) == ("did anything get worse?", "may it ship?")
        assert both["exit_code"] == 2
        return
    first = text.splitlines()[0]
    assert "exit code 2" in first
    assert text.lower().index("did anything get worse?") < text.lower().index("may it ship?")
    assert "ithout effect on the exit code" in text
    assert other.headline.partition(":")[0] in text
    if name == "console":
        assert "exit code 2 answers: did anything get worse? (each model against its own row" in first


def test_the_power_at_the_margin_is_stated(mixed: Report) -> None:
    """For models that changed: an unchanged one is judged without resampling, so nothing can be missed."""
    assert "Power: an unchanged model passes the margin of 1 with probability" in outputs.load("console").render(mixed)
    unchanged = report([model for model in mixed.models if not model.changed])
    assert "Power" not in outputs.load("console").render(unchanged)


def test_variants_against_the_reference_are_told_with_gain_and_forgetting(whole: MeasuredSet) -> None:
    """The table of models has both, and the number of seeds; with one seed it states what the interval covers."""
    verdicts = [AgainstReference(whole, policy=POLICIES.reference).judge("random-full-00")]
    text = outputs.load("console").render(report(verdicts, against="reference"))
    assert "each variant against mini-zh" in text
    assert "gain in domain [95% interval]" in text
    single = [replace(verdict, seeds=1) for verdict in verdicts]
    assert "1 (items only)" in outputs.load("console").render(report(single, against="reference"))


@pytest.mark.parametrize("against", ["baseline", "reference"])
def test_heads_name_the_level_of_the_intervals(whole: MeasuredSet, against: Against) -> None:
    """That of the policy, also in the messages, and none where models have different ones."""
    policy = POLICIES.reference.model_copy(update={"alpha": 0.001})
    strict = AgainstReference(whole, policy=policy).judge("random-full-00")
    for name in ("console", "markdown"):
        text = outputs.load(name).render(report([strict], against=against))
        assert "[99.9% interval]" in text
        assert "95%" not in text
        assert "100%" not in text.replace("probability 100%", "")
        both = [strict, AgainstReference(whole, policy=POLICIES.reference).judge("random-full-00")]
        assert "[interval]" in outputs.load(name).render(report(both, against=against))


def test_the_advice_on_cures_is_in_every_text(mixed: Report) -> None:
    """The cure that worked, with both shares; else the table to paste, whole, in the formats that people read."""
    worked = replace(mixed, cure_advice=CureAdvice("tuned", "merged", 110.4, 96.6))
    to_try = replace(mixed, cure_advice=CureAdvice("tuned"))
    for name in ("console", "markdown"):
        text = outputs.load(name).render(worked).replace("\\", "")
        assert "merged, a cure of tuned, keeps 110% of the gain and undoes 97% of the forgetting" in text
        assert "[[cure]]" not in text
        text = outputs.load(name).render(to_try)
        assert block("tuned") in text
        assert "models/sets/fake.toml" in text
        assert "cure" not in outputs.load(name).render(mixed)
    assert json.loads(outputs.load("json").render(worked))["cure_advice"] == {"variant": "tuned", "cure": "merged"}
    assert json.loads(outputs.load("json").render(mixed))["cure_advice"] is None
