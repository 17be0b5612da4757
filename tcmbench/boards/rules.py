"""The gate's limits in words: what a policy demands, one sentence per rule, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.boards.texts import text

if TYPE_CHECKING:
    from tcmbench.boards.texts import Text
    from tcmbench.specs.policy import Policy


def rules(policy: Policy) -> list[Text]:
    """Return the rules that a policy sets, with their limits."""
    said = [_gain(policy), text(f"rules.kept_{policy.keep}", level=policy.level, margin=f"{policy.margin:g}")]
    if policy.regressed_tasks == "fail":
        said.append(text("rules.regressed"))
    said.append(text("rules.cap", cap=f"{policy.cap:g}"))
    if policy.caps:
        said.append(text("rules.caps", tasks=", ".join(f"{task} {cap:g}" for task, cap in sorted(policy.caps.items()))))
    required = sorted({*policy.required_tasks, *policy.caps})
    said.append(text("rules.tasks", tasks=", ".join(required)) if policy.required_tasks else text("rules.every_task"))
    if policy.inconclusive_passes:
        said.append(text("rules.unsure_passes"))
    return said


def _gain(policy: Policy) -> Text:
    if policy.required_gain is None:
        return text("rules.no_gain")
    return text(f"rules.gain_{policy.gain_evidence}", level=policy.level, gain=f"{policy.required_gain:g}")
