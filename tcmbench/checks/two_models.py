"""A model and the one that it is compared with, as users name them: a set without a file, for `compare` and gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import models, tasks
from tcmbench.checks import sides
from tcmbench.errors import SpecError
from tcmbench.evaluation import run
from tcmbench.evaluation.given import Measurement, suite_for
from tcmbench.models import given
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from tcmbench.comparison.pairs import ComparedPair
    from tcmbench.records.events import Emit
    from tcmbench.specs.suite import Suite
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TwoModels:
    """A set of two models."""

    workspace: Workspace
    """Workspace with the set."""

    model_set: ModelSet
    """The set: its reference, and the other model as a variant of it."""

    before: Measurement
    """The reference on the suite."""

    after: Measurement
    """The other model on the suite."""

    @property
    def missing(self) -> int:
        """Number of scores to measure."""
        return len(self.before.missing) + len(self.after.missing)

    def measure(self, *, emit: Emit) -> None:
        """Measure what is missing of both; failures are in the store, where scores are read."""
        for measurement in (self.before, self.after):
            measurement.measure(emit=emit)

    def sides(self) -> ComparedPair:
        """Return the two sides, from stored scores."""
        names = (self.before.model.name, self.after.model.name)
        return sides.read(self.workspace, *names, set_name=self.model_set.name)


class Where(NamedTuple):
    """What two models are compared on."""

    set_name: str = ""
    """A set that has both; empty takes the only one, where there is one."""

    suite: str = ""
    """Suite that both are measured on."""

    tasks: tuple[str, ...] = ()
    """Tasks that both are measured on, as users name them."""

    base: str = ""
    """Base of adapters and checkpoints that don't name one."""


def compared(workspace: Workspace, before: str, after: str, where: Where) -> TwoModels | None:
    """Return two models that have to be measured; None for models of a set, whose scores are only read.

    Args:
        workspace: Where models, sets and tasks are.
        before: What is compared with; empty takes the base that `after` was tuned from.
        after: What is compared.
        where: What both are compared on.

    Raises:
        SpecError: Both a set and something else to measure on.
    """
    _, suite, names, base = where
    is_measured = bool(suite or names or base)
    if where.set_name and is_measured:
        raise SpecError("--set takes its own suite: remove --suite, --tasks and --base, or --set.")
    if where.set_name or (before and not is_measured and sides.are_stored(workspace, before, after)):
        return None
    workspace, measured = suite_for(workspace, suite=suite, names=names)
    return two_models(workspace, measured, after=after, before=before, base=base)


def two_models(workspace: Workspace, suite: Suite, *, after: str, before: str = "", base: str = "") -> TwoModels:
    """Return the set of two models.

    Args:
        workspace: Where models and tasks are.
        suite: What both are measured on.
        after: A model, as users name it.
        before: What it is compared with; empty takes the base that it was tuned from.
        base: Base of adapters and checkpoints that don't name one.

    Raises:
        SpecError: Both are the same, or nothing states what `after` was tuned from.
        TcmbenchError: One of them can't be resolved.
    """
    workspace, called = given.register(workspace, [after], tuned_from=base or None)
    if before:
        workspace, of_before = given.register(workspace, [before], tuned_from=base if base and base != before else None)
        called = {**called, **of_before}
    tuned = models.base_model(workspace, called[after], download=True)
    reference = called[before] if before else tuned.base.tuned_from
    if reference is None:
        raise SpecError(f"{after}: no file states what it was tuned from. Name what it is compared with: --base MODEL.")
    if reference == tuned.name:
        raise SpecError(f"{after}: expected two models, got the same one twice.")
    declared = workspace.spec(Base, tuned.name).model_copy(update={"tuned_from": tuned.base.tuned_from or reference})
    # Without general tasks there is no forgetting to judge, which would be a missing score: nothing may be lost then.
    has_general = any(task.role == "general" for task in suite.tasks)
    model_set = ModelSet(
        name=f"{tuned.name}-and-{reference}",
        suite=suite.name,
        reference=reference,
        models=(reference, tuned.name),
        policy={} if has_general else {"reference": {"keep": "all"}},
    )
    # those without a file are looked at first, so that the model is a variant whatever its own file says
    workspace = replace(workspace, given=(declared, model_set, suite, *workspace.given))
    planned = tasks.plan_set(workspace, model_set)
    first = models.base_model(workspace, reference, download=True)
    measurements = [
        Measurement(workspace, model, planned, run.missing(workspace, model, planned)) for model in (first, tuned)
    ]
    return TwoModels(workspace, model_set, *measurements)
