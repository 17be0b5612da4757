"""`tcmbench.check` and `tcmbench.power`: the commands in Python; heavy imports are inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench.errors import SpecError
from tcmbench.workspace import from_environment

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from tcmbench.checks.power import PowerReport
    from tcmbench.checks.verdict import Report
    from tcmbench.workspace import Workspace


def check(
    name: str = "",
    *,
    against: str = "",
    policy: os.PathLike[str] | None = None,
    baseline: str | os.PathLike[str] | None = None,
    until_decided: bool = False,
    workspace: Workspace | None = None,
) -> Report:
    """Return the verdict of the regression gate on a set; `exit_code` is that of `tcmbench check`.

    Args:
        name: Name of a model set; empty takes the only one of the workspace.
        against: `baseline` or `reference`; empty takes the baseline where there is one.
        policy: File that overrides the set's policy.
        baseline: File instead of `leaderboards/SET/baseline.json`; or `last-green`, the last state of the set's history
            that passed.
        until_decided: Against the reference, with what would decide inconclusive variants (`needs`).
        workspace: The workspace; None finds it like the command line.
    """
    from typing import cast

    from tcmbench.checks import check as gate
    from tcmbench.runs.selection import own_set

    if against not in {"", "baseline", "reference"}:
        raise SpecError(f"against: expected 'baseline' or 'reference', got {against!r}")
    last_green = baseline == "last-green"
    options = gate.Options(
        baseline=None if baseline is None or last_green else Path(baseline),
        last_green=last_green,
        policy=None if policy is None else Path(policy),
        against=cast("Any", against or None),
        until_decided=until_decided,
    )
    place = workspace or from_environment(Path())
    return gate.check(place, name or own_set(place), options)


def power(
    name: str = "",
    *,
    margins: Sequence[float] = (),
    policy: os.PathLike[str] | None = None,
    workspace: Workspace | None = None,
) -> PowerReport:
    """Return what the suite of a set can see, from stored scores: smallest losses, and items or seeds for smaller ones.

    Args:
        name: Name of a model set; empty takes the only one of the workspace.
        margins: Losses in points to which the numbers of items and seeds are given; empty: the usual and the policy's.
        policy: File that overrides the set's policy.
        workspace: The workspace; None finds it like the command line.

    Raises:
        ScoreMissing: No model of the set has a score beside the reference's.
    """
    from tcmbench.checks import power as suite_power
    from tcmbench.runs.selection import own_set

    if any(not margin > 0 for margin in margins):
        raise SpecError(f"margins: expected points above 0, got {list(margins)}")
    place = workspace or from_environment(Path())
    file = None if policy is None else Path(policy)
    return suite_power.power(place, name or own_set(place), margins=margins, policy=file)
