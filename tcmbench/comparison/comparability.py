"""Whether the current tasks are those of the baseline; scores of different tasks are not comparable (exit code 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.comparison.baseline import describe
from tcmbench.errors import NotComparable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.baseline import Baseline, BaselineTask
    from tcmbench.comparison.measured import MeasuredSet


def require_same_set(measured: MeasuredSet, baseline: Baseline, *, where: str) -> None:
    """Check that a baseline belongs to this set.

    Raises:
        NotComparable: It is another set's.
    """
    if baseline.set != measured.model_set.name:
        raise NotComparable(
            f"{where} is the baseline of set {baseline.set!r}, not of {measured.model_set.name!r}. Pass another file "
            f"with --baseline, or write one: tcmbench check {measured.model_set.name} --update-baseline"
        )


def differences(measured: MeasuredSet, baseline: Baseline) -> Mapping[str, str]:
    """Return column → why its scores can't be compared with the baseline's, for those that can't."""
    reasons: dict[str, str] = {}
    wanted = [column.column for column in measured.columns]
    for column in wanted:
        now = next((describe(model, column) for model in measured.models if column in model.items), None)
        then = baseline.tasks.get(column)
        if now is None:
            continue  # not measured: a missing score, not another task
        if then is None:
            reasons[column] = "the task joined the suite after the baseline was written"
        elif (reason := difference(then, now)) is not None:
            reasons[column] = reason
    reasons |= {
        column: "the suite no longer has the task, the baseline does"
        for column in baseline.tasks
        if column not in wanted
    }
    return reasons


def difference(then: BaselineTask, now: BaselineTask) -> str | None:
    """Return the changes of a task, in words; None where its scores can be compared."""
    if then == now:
        return None
    changes = []
    if (then.metric, then.statistic) != (now.metric, now.statistic):
        changes.append(f"the metric was {then.metric}, now it is {now.metric}")
    if then.items != now.items:
        changes.append(f"it had {then.items} items, now {now.items}")
    elif then.ids != now.ids:
        changes.append(f"its {now.items} items have other ids")
    if not changes:
        changes.append("same items, but other texts, labels, candidates or options")
    return f"{'; '.join(changes)} (revision {then.revision[:8]} → {now.revision[:8]})"
