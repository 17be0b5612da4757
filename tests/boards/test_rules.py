"""The gate's limits in words: every rule that a policy sets is said with its number, and no other."""

from __future__ import annotations

from tcmbench.boards.rules import rules
from tcmbench.specs.policy import Policy, default


def told(policy: Policy) -> str:
    """Return all rules in English."""
    return " ".join(rule.en for rule in rules(policy))


def test_the_default_says_its_limits() -> None:
    """Gain, forgetting, the cap of one task, and that every task is needed."""
    assert [rule.en for rule in rules(default().reference)] == [
        "Gain in domain: its 95% interval lies above 0 points.",
        "Forgetting (BWT): the 95% interval of the mean difference over the general tasks stays above −1 points.",
        "No task has lost significantly more than 5 points.",
        "Every task of the suite has a score.",
    ]


def test_another_policy_says_its_own() -> None:
    """Each field that changes a verdict changes the words."""
    policy = Policy(
        margin=2.5, cap=3, caps={"SynthQA": 4}, required_gain=1.5, gain_evidence="estimate", alpha=0.1,
        required_tasks=("SynthSTS",), inconclusive_passes=True, regressed_tasks="fail", keep="all",
    )  # fmt: skip
    assert told(policy) == (
        "Gain in domain: more than 1.5 points. "
        "The 90% interval of the mean difference over all tasks stays above −2.5 points. "
        "No task is significantly worse. No task has lost significantly more than 3 points. Other caps: SynthQA 4. "
        "These tasks have a score: SynthQA, SynthSTS. "
        "A variant passes as well where harm is neither shown nor ruled out."
    )


def test_no_gain_is_said_too() -> None:
    """The rules against the baseline ask for none."""
    assert rules(default().baseline)[0].en == "No gain is required."
