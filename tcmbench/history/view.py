"""The history of a set as it is shown: the last states of one row, and the change at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.errors import ScoreMissing, UnknownName
from tcmbench.history import log as logs
from tcmbench.history.steps import BEST, steps
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from tcmbench.history.steps import HistoryStep
    from tcmbench.workspace import Workspace

LAST = 20


@dataclass(frozen=True, slots=True)
class SetHistory:
    """The history of a set."""

    set_name: str

    row: str
    """Name of the row, or `best`."""

    file: str
    """Path of the log."""

    steps: tuple[HistoryStep, ...]
    """By time."""

    omitted: int
    """Earlier states that are not shown."""

    damaged: tuple[str, ...]
    """Lines of the log that can't be read."""

    alpha: float
    """Intervals have the level 1 − alpha."""


def of_set(workspace: Workspace, name: str, *, row: str = BEST, last: int = LAST) -> SetHistory:
    """Return the history of a set.

    Args:
        workspace: The workspace.
        name: Name of the set.
        row: Name of a row, or `best`: the one with the highest mean, at each state.
        last: Number of states that are shown.

    Raises:
        ScoreMissing: No run was logged.
        UnknownName: No state has the row.
    """
    model_set = workspace.spec(ModelSet, name)
    path = logs.path_of(workspace, name)
    log = logs.read(path)
    damaged = f" {len(log.damaged)} lines can't be read: {log.damaged[0]}." if log.damaged else ""
    if not log.runs:
        raise ScoreMissing(
            f"{workspace.shown(path)}: no run of set {name} was logged.{damaged} Run: tcmbench run {name}"
        )
    rows = {model for state in log.runs for model in state.models}
    if row != BEST and row not in rows:
        raise UnknownName.of("row", row, {*rows, BEST}, where=f"history of set {name}")
    # the first that is shown is compared with the one before it, too
    states = log.runs[-last - 1 :]
    policy = workspace.policies(model_set).reference
    greens = {state.scores_sha256: log.is_green(state) for state in states}
    made = steps(workspace, model_set, states, row=row, policy=policy, greens=greens)
    shown = made[-last:]
    return SetHistory(
        set_name=name,
        row=row,
        file=workspace.shown(path),
        steps=tuple(shown),
        omitted=len(log.runs) - len(shown),
        damaged=log.damaged,
        alpha=policy.alpha,
    )
