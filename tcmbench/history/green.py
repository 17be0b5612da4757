"""The last state of a set that passed the gate, as a baseline: `check --baseline last-green`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.comparison import baseline as baselines
from tcmbench.comparison.measured import MeasuredSet
from tcmbench.errors import ScoreMissing, SpecError
from tcmbench.history import log as logs
from tcmbench.history.earlier import models_of, suite_of

if TYPE_CHECKING:
    from tcmbench.comparison.baseline import Baseline
    from tcmbench.history.log import RunState
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.policy import Policy
    from tcmbench.workspace import Workspace

LAST_GREEN = "last-green"
"""Value of `--baseline` for it."""


class Green(NamedTuple):
    """A state that passed the gate."""

    baseline: Baseline
    where: str
    """For messages: its time and commit."""


def last_green(workspace: Workspace, model_set: ModelSet, *, policy: Policy) -> Green:
    """Return the last state that the gate passed.

    Raises:
        SpecError: The gate has passed none.
        ScoreMissing: Its items are no longer in the store.
    """
    name = model_set.name
    path = logs.path_of(workspace, name)
    log = logs.read(path)
    state = log.last_green
    if state is None:
        damaged = f" {len(log.damaged)} of its lines are damaged ({log.damaged[0]})." if log.damaged else ""
        raise SpecError(
            f"{workspace.shown(path)}: no state of set {name} has passed the gate, of {len(log.runs)} that were "
            f"logged.{damaged} Run the set and check it once without --baseline last-green, until it passes: "
            f"tcmbench run {name}; tcmbench check {name}. Where its models are right as they are, make them the "
            f"baseline first: tcmbench check {name} --update-baseline"
        )
    where = f"{LAST_GREEN} ({shown(state)})"
    models = models_of(workspace.store, state, names=tuple(state.models))
    gone = [f"{model} · {column}: {why}" for model, one in models.items() for column, why in one.gone.items()]
    if gone:
        raise ScoreMissing(
            f"{where}: {len(gone)} of its scores can't be compared item by item, such as {gone[0]}. Measure that "
            f"state again (check out {state.commit or 'its commit'}, tcmbench run {name}), or compare with a "
            f"baseline, which holds its items: tcmbench check {name} --update-baseline"
        )
    measured = MeasuredSet(model_set, suite_of(state), tuple(one.measured for one in models.values()))
    return Green(baselines.make(measured, policy=policy), where)


def shown(state: RunState) -> str:
    """Return time and commit of a state."""
    return f"{state.time}, commit {state.commit}" if state.commit else state.time
