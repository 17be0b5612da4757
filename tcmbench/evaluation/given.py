"""A model that a user names on tasks that a user names: looked up, then measured; without a set and without a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import models, tasks
from tcmbench.errors import SpecError
from tcmbench.evaluation import run
from tcmbench.models import given, objects
from tcmbench.specs.suite import Suite
from tcmbench.tasks.given import RECOGNISED, ReadAs, limited, own_suite, suite_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.records.cells import Cells
    from tcmbench.records.events import Emit
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Measurement:
    """One model on a suite."""

    workspace: Workspace
    """Workspace with the model."""

    model: Model
    """What is measured."""

    planned: PlannedSuite
    """The suite."""

    missing: tuple[SuiteTask, ...]
    """Columns without a score in the store."""

    loaded: MTEBModels | None = None
    """The model, where its user has loaded it."""

    def measure(self, *, emit: Emit) -> Cells:
        """Measure what is missing, and return all scores, with the states of columns that have none."""
        run.measure(self.workspace, self.model, self.missing, self.planned, emit=emit, loaded=self.loaded)
        return run.read(self.workspace, self.model, self.planned)


def suite_for(
    workspace: Workspace,
    *,
    suite: str = "",
    names: Sequence[str] = (),
    limit: int | None = None,
    read_as: ReadAs = RECOGNISED,
) -> tuple[Workspace, Suite]:
    """Return the suite that a user names, and the workspace that knows its tasks.

    Args:
        workspace: Where suites and tasks are.
        suite: Name of a suite; without `names`, empty takes that of the workspace.
        names: Tasks, as users name them, instead of a suite.
        limit: Most queries, pairs or texts per task; None for all.
        read_as: How data is read that `names` has by its path.

    Raises:
        SpecError: Both a suite and tasks, or a way of reading data without any.
    """
    if names and suite:
        raise SpecError("--suite and --tasks: use only one of them.")
    if names:
        workspace, chosen = suite_of(workspace, names, read_as=read_as)
    elif read_as != RECOGNISED:
        raise SpecError("--type and --columns describe a file or folder of --tasks. Add it, or leave them out.")
    else:
        chosen = workspace.spec(Suite, suite or own_suite(workspace))
    return (workspace, chosen) if limit is None else limited(workspace, chosen, limit)


def of_name(workspace: Workspace, name: str, suite: Suite, *, base: str = "") -> Measurement:
    """Return the measurement of a model as users name it; one of the hub may be downloaded.

    Args:
        workspace: Where models and tasks are.
        name: The model.
        suite: What is measured.
        base: Base of an adapter or checkpoint that doesn't name one.
    """
    planned = tasks.plan_suite(workspace, suite)
    workspace, called = given.register(workspace, [name], tuned_from=base or None)
    model = models.base_model(workspace, called[name], download=True)
    return Measurement(workspace, model, planned, run.missing(workspace, model, planned))


def of_object(workspace: Workspace, loaded: object, suite: Suite, *, revision: str = "") -> Measurement:
    """Return the measurement of a loaded model.

    Args:
        workspace: Where tasks are.
        loaded: A SentenceTransformer, a CrossEncoder, or an object with mteb's protocol for either.
        suite: What is measured.
        revision: Identifier of its weights instead of their hash.
    """
    planned = tasks.plan_suite(workspace, suite)
    model = objects.model_of(loaded, revision=revision)
    encoder = objects.encoder_of(model, loaded, cache=workspace.cache)
    return Measurement(workspace, model, planned, run.missing(workspace, model, planned), encoder)
