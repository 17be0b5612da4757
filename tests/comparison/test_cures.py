"""Cures against the variants that they are made from: shares, their absence, and the advice."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.comparison import cures
from tcmbench.comparison.measured import measured_set
from tcmbench.comparison.reference import AgainstReference
from tcmbench.records.entry import CellState
from tcmbench.specs.cure import CureTable
from tcmbench.specs.model_set import ModelSet
from tests.boards.curing import COLUMNS, CURES, FORGETS, HARMLESS, Made, entries
from tests.boards.fake import POLICIES, fake_suite

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.stats.draws import Draws

OF_HARMLESS = Made("careful-merged", 0.1, -0.06, ("careful",), 0.5)
OF_CURE = Made("twice", 0.12, -0.06, ("merged-0.75",), 0.5)
SOUP = Made("soup", 0.16, 0.05, ("tuned", "careful"), 1.0)


def compared(root: Path, models: tuple[Made, ...]) -> AgainstReference:
    """Return a set against its base."""
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base",))
    measured = measured_set(model_set, fake_suite(COLUMNS), entries(root, models))
    return AgainstReference(measured, policy=POLICIES.reference)


def made_from(models: tuple[Made, ...]) -> dict[str, tuple[str, ...]]:
    """Return cure → inputs."""
    return {made.name: made.of for made in models if made.of}


def advised(root: Path, models: tuple[Made, ...]) -> cures.CureAdvice | None:
    """Return the advice on a set."""
    comparison = compared(root, models)
    verdicts = {made.name: comparison.judge(made.name) for made in models}
    return cures.advice(comparison, verdicts, cures.effects(comparison, made_from(models)))


def test_shares_are_those_of_the_joint_draws(tmp_path: Path) -> None:
    """Gain kept over the tasks in domain, forgetting undone over the general ones, by numpy from the same resamples."""
    models = (FORGETS, HARMLESS, *CURES, SOUP)
    comparison = compared(tmp_path, models)
    found = cures.effects(comparison, made_from(models))
    for name, untreated in (("merged-0.75", ("tuned",)), ("soup", ("tuned", "careful"))):
        effect = found[name]
        assert effect.untreated == untreated
        gain = ratios(comparison, ["InDomain0"], name, untreated)
        lost = ratios(comparison, ["General2", "General3"], name, untreated)
        for share, expected in ((effect.gain_kept, 100 * gain), (effect.forgetting_undone, 100 - 100 * lost)):
            assert not isinstance(share, str)
            assert share.value == pytest.approx(expected[0])
            low, high = np.quantile(expected[1:], [0.025, 0.975])
            # 300 items widen an interval by a percent (`stats.few_items`)
            assert share.interval[:2] == pytest.approx((low, high), abs=0.05 * (high - low))


def ratios(comparison: AgainstReference, columns: list[str], cure: str, untreated: tuple[str, ...]) -> np.ndarray:
    """Return the observed ratio of two mean changes, and that of each resample."""

    def changes(name: str) -> np.ndarray:
        return np.mean([change(draws, name) for column in columns if (draws := comparison.draws(column))], axis=0)

    def change(draws: Draws, name: str) -> np.ndarray:
        both = [draws.names.index(one) for one in (name, "base")]
        whole = np.vstack([draws.observed, draws.resampled])[:, both]
        return np.asarray(whole[:, 0] - whole[:, 1])

    return np.asarray(changes(cure) / np.mean([changes(name) for name in untreated], axis=0))


def test_a_variant_that_forgot_nothing_leaves_nothing_to_undo(tmp_path: Path) -> None:
    """The share of its gain is defined, that of its forgetting isn't; nor is the share of a gain that isn't there."""
    useless = Made("useless", 0.0, 0.16)
    of_useless = Made("useless-merged", 0.1, 0.0, ("useless",), 0.5)
    models = (HARMLESS, OF_HARMLESS, useless, of_useless)
    found = cures.effects(compared(tmp_path, models), made_from(models))
    assert not isinstance(found["careful-merged"].gain_kept, str)
    assert found["careful-merged"].forgetting_undone == "nothing_forgotten"
    assert found["useless-merged"].gain_kept == "no_gain"
    assert not isinstance(found["useless-merged"].forgetting_undone, str)


def test_a_missing_score_leaves_its_share_undefined(tmp_path: Path) -> None:
    """A mean over the tasks that are left would be another quantity."""
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base",))
    whole = entries(tmp_path, (FORGETS, *CURES))
    del whole[1].scores["General2"]  # type: ignore[attr-defined]
    comparison = AgainstReference(measured_set(model_set, fake_suite(COLUMNS), whole), policy=POLICIES.reference)
    effect = cures.effects(comparison, made_from(CURES))["merged-0.5"]
    assert not isinstance(effect.gain_kept, str)
    assert effect.forgetting_undone == "missing"


def test_shares_are_of_changes_from_the_own_base(tmp_path: Path) -> None:
    """From another reference, the distance of two bases would count as gain; without its variant there is no share."""
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base",))
    whole = entries(tmp_path, (FORGETS, *CURES))
    foreign = [replace(entry, base="other") if entry.name == "tuned" else entry for entry in whole]
    for reason, present in (("other_base", foreign), ("no_row", [one for one in whole if one.name != "tuned"])):
        comparison = AgainstReference(measured_set(model_set, fake_suite(COLUMNS), present), policy=POLICIES.reference)
        effect = cures.effects(comparison, made_from(CURES))["merged-0.5"]
        assert (effect.gain_kept, effect.forgetting_undone) == (reason, reason)


def test_tasks_that_no_model_can_do_leave_the_shares_defined(tmp_path: Path) -> None:
    """As for rerankers, which do no similarity: the shares are over the tasks of the backward transfer."""
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base",))
    whole = entries(tmp_path, (FORGETS, *CURES))
    able = [
        replace(
            entry,
            scores={name: score for name, score in entry.scores.items() if name != "General2"},
            states={"General2": CellState("not_applicable")},
        )
        for entry in whole
    ]
    comparison = AgainstReference(measured_set(model_set, fake_suite(COLUMNS), able), policy=POLICIES.reference)
    undone = cures.effects(comparison, made_from(CURES))["merged-0.75"].forgetting_undone
    assert not isinstance(undone, str)
    expected = 100 - 100 * ratios(comparison, ["General3"], "merged-0.75", ("tuned",))[0]
    assert undone.value == pytest.approx(expected)


def test_cures_of_cures_are_compared_with_what_was_trained(tmp_path: Path) -> None:
    """Through any number of steps, each variant once."""
    sources = {"twice": ("merged-0.75",), "merged-0.75": ("tuned",), "mixed": ("twice", "merged-0.75", "careful")}
    assert cures.untreated("twice", sources) == ("tuned",)
    assert cures.untreated("mixed", sources) == ("tuned", "careful")
    models = (FORGETS, *CURES, OF_CURE)
    assert cures.effects(compared(tmp_path, models), made_from(models))["twice"].untreated == ("tuned",)


def test_the_advice_names_the_cure_that_worked(tmp_path: Path) -> None:
    """Of those that pass with a significant gain, the one that gains most, with both shares."""
    found = advised(tmp_path, (FORGETS, HARMLESS, *CURES))
    assert found is not None
    assert (found.variant, found.cure) == ("tuned", "merged-0.5")
    assert 80 < found.gain_kept < 110
    assert 90 < found.forgetting_undone < 120


def test_a_cure_that_forgets_as_much_did_not_work(tmp_path: Path) -> None:
    """Within a wide margin it passes the gate, but undoes nothing: its interval reaches below zero."""
    models = (FORGETS, *CURES)
    comparison = compared(tmp_path, models)
    verdicts = {made.name: comparison.judge(made.name) for made in models}
    effects = cures.effects(comparison, made_from(models))
    best = effects["merged-0.5"]
    undone = best.forgetting_undone
    assert not isinstance(undone, str)
    effects["merged-0.5"] = best._replace(
        forgetting_undone=undone._replace(value=-5.0, interval=undone.interval._replace(low=-20.0, high=10.0))
    )
    found = cures.advice(comparison, verdicts, effects)
    assert found is not None
    assert found.cure == "merged-0.25"


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ((FORGETS, HARMLESS), cures.CureAdvice("tuned")),
        ((FORGETS, HARMLESS, OF_HARMLESS), cures.CureAdvice("tuned")),
        ((HARMLESS,), None),
        ((FORGETS, CURES[2]), None),
    ],
    ids=["none tried", "of another variant only", "nothing forgotten", "tried without success"],
)
def test_the_advice_names_the_variant_to_treat(
    tmp_path: Path, models: tuple[Made, ...], expected: cures.CureAdvice | None
) -> None:
    """One that gains and forgets and has no cure in the set."""
    assert advised(tmp_path, models) == expected


def test_a_variant_tuned_elsewhere_is_not_advised(tmp_path: Path) -> None:
    """A cure can't be made from a model that the set lists as one."""
    models = (FORGETS,)
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base", "tuned"))
    measured = measured_set(model_set, fake_suite(COLUMNS), entries(tmp_path, models))
    comparison = AgainstReference(measured, policy=POLICIES.reference)
    assert cures.advice(comparison, {"tuned": comparison.judge("tuned")}, {}) is None


@pytest.mark.parametrize("name", ["tuned", "e5-1e-4", "全参数"])
def test_the_block_to_paste_is_a_cure(name: str) -> None:
    """It is read as it stands: the average of the variant's weights and its base's."""
    (table,) = tomllib.loads(cures.block(name))["cure"]
    (cure,) = CureTable.model_validate(table).cures(where="set")
    assert (cure.name, cure.of, cure.cure, cure.options) == (f"{name}-merged", (name,), "merge", {"alpha": 0.5})
