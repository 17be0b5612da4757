"""The commands in Python: `evaluate`, `run`, `board`, `compare`, `check`, `check_model`, `verify`, `power` and others.

Without a workspace, one is found as by the command line. pandas and matplotlib are imported on demand.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import workspace as workspaces
from tcmbench.checks.in_python import check as check  # noqa: PLC0414 - a re-export for type checkers
from tcmbench.checks.in_python import power as power  # noqa: PLC0414
from tcmbench.errors import ScoreMissing, SpecError
from tcmbench.results import Evaluation, Leaderboard, ModelComparison, ServedComparison
from tcmbench.searches.in_python import search as search  # noqa: PLC0414 - a re-export for type checkers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.checks.verdict import Report
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.workspace import Workspace


def evaluate(
    model: str | os.PathLike[str] | object,
    *,
    suite: str = "",
    tasks: Sequence[str | os.PathLike[str]] = (),
    limit: int | None = None,
    base: str = "",
    revision: str = "",
    workspace: Workspace | None = None,
) -> Evaluation:
    """Return the scores of a model, measuring those that are not in the store.

    Args:
        model: A base's name, a folder, an adapter, a checkpoint of ms-swift, a model of the hub, the URL of a server
            (docs/models.md); or a loaded SentenceTransformer, CrossEncoder or (with a revision) encoder of mteb.
        suite: Name of a suite; without tasks the workspace's own, where it has exactly one, else `local`.
        tasks: Instead of a suite: names of tasks, files of pairs, folders in the layout of BEIR or TCM-SD.
        limit: A quick look: most queries, pairs or texts per task, a fixed sample with scores of its own.
        base: Base of an adapter or checkpoint that doesn't name one.
        revision: Of a loaded model, an identifier of its weights instead of their hash.
        workspace: The workspace; None finds it like the command line.

    Raises:
        ScoreMissing: A column has no score; the message names each with its reason.
    """
    from tcmbench.evaluation import given

    place, chosen = given.suite_for(workspace or find(), suite=suite, names=_paths(tasks), limit=limit)
    if isinstance(model, str | os.PathLike):
        measurement = given.of_name(place, os.fspath(model), chosen, base=base)
    else:
        measurement = given.of_object(place, model, chosen, revision=revision)
    cells = measurement.measure(emit=lambda _: None)
    return _evaluation(measurement.model.name, cells, measurement.planned)


def _evaluation(name: str, cells: Any, planned: PlannedSuite) -> Evaluation:
    columns = [column.column for column in planned.suite.tasks]
    lost = [f"{column}: {state.reason}" for column, state in cells.states.items() if state.state != "not_applicable"]
    if lost:
        raise ScoreMissing(f"{name}: {len(lost)} of {len(columns)} columns have no score: {'; '.join(lost)}")
    return Evaluation(
        name,
        {column: cells.scores[column] for column in columns if column in cells.scores},
        {column.column: column.role for column in planned.suite.tasks},
    )


def run(
    name: str = "",
    *,
    models: Sequence[str | os.PathLike[str]] = (),
    tasks: Sequence[str] = (),
    limit: int | None = None,
    base: str = "",
    jobs: int = 1,
    workspace: Workspace | None = None,
) -> Leaderboard:
    """Train and evaluate the missing models and scores of a set, write its leaderboard, and return it.

    Args:
        name: Name of a model set; empty takes the only one of the workspace.
        models: Only these models and variants; any model, also one that the set doesn't list.
        tasks: Only these tasks of its suite.
        limit: A quick look: most queries, pairs or texts per task, a fixed sample with scores of its own.
        base: Base of adapters and checkpoints that don't name one.
        jobs: Number of parallel jobs.
        workspace: The workspace; None finds it like the command line.

    Raises:
        ScoreMissing: Scores are missing.
    """
    from tcmbench import plugins
    from tcmbench.boards import whole_run
    from tcmbench.runs.jobs import plan
    from tcmbench.runs.selection import select

    performing = plugins.use("executors", "local", {"jobs": jobs}, where="jobs")
    chosen = _paths(models)
    selection = select(workspace or find(), name, models=chosen, columns=_paths(tasks), limit=limit, base=base)
    missing = plan(selection.workspace, selection.model_set, selection.planned, part=selection.part)
    execute = functools.partial(performing.module.run, options=performing.options)
    result = whole_run.run(selection, missing, execute=execute, emit=lambda _: None)
    if result.missing:
        raise ScoreMissing(
            f"set {selection.model_set.name}: {len(result.missing)} scores are missing: {'; '.join(result.missing)}"
        )
    return board(selection.model_set.name, workspace=selection.workspace)


def board(name: str = "", *, workspace: Workspace | None = None) -> Leaderboard:
    """Return the leaderboard of a set, or of the workspace's only one, from stored scores; nothing is measured."""
    from tcmbench import tasks as task_room
    from tcmbench.boards import build, publish
    from tcmbench.models.given import in_set
    from tcmbench.runs import gather
    from tcmbench.runs.selection import own_set
    from tcmbench.specs.model_set import ModelSet

    place = workspace or find()
    place, model_set = in_set(place, place.spec(ModelSet, name or own_set(place)))
    planned = task_room.plan_set(place, model_set)
    options = publish.board_options(place, model_set, planned)
    entries = gather.entries(place, model_set, planned)
    return Leaderboard(lambda: build.build(model_set, planned.suite, entries, options=options))


def compare(
    before: str | os.PathLike[str],
    after: str | os.PathLike[str],
    *,
    set_name: str = "",
    suite: str = "",
    tasks: Sequence[str | os.PathLike[str]] = (),
    base: str = "",
    workspace: Workspace | None = None,
) -> ModelComparison:
    """Return the differences between two models: of a set from stored scores, of others measuring what is missing.

    Args:
        before: A base, a variant (all its seeds), one seed (`variant/seed0`), or `FILE:model` for a baseline's row; or
            any model, as in `evaluate`; empty takes the base that `after` was tuned from.
        after: The same.
        set_name: Set of both; empty takes the one with both.
        suite: Suite that both are measured on; without a set and tasks the workspace's own, else `local`.
        tasks: Instead of a suite: what both are measured on, as in `evaluate`.
        base: Base of adapters and checkpoints that don't name one.
        workspace: The workspace; None finds it like the command line.
    """
    from tcmbench.checks import sides, two_models
    from tcmbench.comparison import pairs

    place, first, second = workspace or find(), os.fspath(before), os.fspath(after)
    where = two_models.Where(set_name, suite, tuple(_paths(tasks)), base)
    measured = two_models.compared(place, first, second, where)
    if measured is None:
        pair = sides.read(place, first, second, set_name=set_name or None)
    else:
        measured.measure(emit=lambda _: None)
        pair = measured.sides()
    return ModelComparison(pair, pairs.compare(pair))


def check_model(
    model: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] = "",
    suite: str = "",
    tasks: Sequence[str | os.PathLike[str]] = (),
    policy: os.PathLike[str] | None = None,
    workspace: Workspace | None = None,
) -> Report:
    """Return the verdict of the gate on a model that was tuned elsewhere, measuring what is missing of it and its base.

    Args:
        model: The model, as in `evaluate`.
        base: Its base; empty takes the one that its folder names.
        suite: Suite that both are measured on; without tasks the workspace's own, else `local`.
        tasks: Instead of a suite: what both are measured on, as in `evaluate`.
        policy: File of the policy instead of the default.
        workspace: The workspace; None finds it like the command line.
    """
    from tcmbench.checks import check as gate
    from tcmbench.checks.two_models import two_models
    from tcmbench.evaluation.given import suite_for

    place, chosen = suite_for(workspace or find(), suite=suite, names=_paths(tasks))
    its_base = os.fspath(base)
    pair = two_models(place, chosen, after=os.fspath(model), before=its_base, base=its_base)
    pair.measure(emit=lambda _: None)
    options = gate.Options(policy=None if policy is None else Path(policy), against="reference")
    return gate.check(pair.workspace, pair.model_set.name, options)


def verify(
    served: str,
    *,
    model: str | os.PathLike[str],
    suite: str = "",
    tasks: Sequence[str | os.PathLike[str]] = (),
    limit: int | None = None,
    within: float | None = None,
    api_key_env: str = "",
    workspace: Workspace | None = None,
) -> ServedComparison:
    """Return how what a server gives differs from what was measured; all of it is asked for anew.

    Args:
        served: URL of the server (`URL#MODEL` where it has several models), or a base behind one.
        model: What it should serve: a base, `variant/seed0`, a folder or a model of the hub.
        suite: Suite of the items; without tasks the workspace's own, else `local`.
        tasks: Instead of a suite: as in `evaluate`.
        limit: Most queries, pairs or texts per task, a fixed sample.
        within: Points that every task may differ by, with its whole interval; None: nothing may differ.
        api_key_env: Environment variable with the key of the server.
        workspace: The workspace; None finds it like the command line.
    """
    from tcmbench.checks import verify as verification

    asked = verification.Question(
        served, os.fspath(model), suite, tuple(_paths(tasks)), limit, within=within, api_key_env=api_key_env
    )
    prepared = verification.prepare(workspace or find(), asked)
    return ServedComparison(prepared.verify(emit=lambda _: None))


def train(variant: str, *, set_name: str = "", workspace: Workspace | None = None) -> tuple[Path, ...]:
    """Train the missing models of a variant, one per seed, and return their folders.

    Args:
        variant: Name of a variant.
        set_name: Set that defines it, and whose suite is searched for leaks; empty for a variant with a file.
        workspace: The workspace; None finds it like the command line.
    """
    from tcmbench import tasks as task_room
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.tuning import tune
    from tcmbench.tuning.recipe import recipe_of

    place = workspace or find()
    model_set = place.spec(ModelSet, set_name) if set_name else None
    planned = None if model_set is None else task_room.plan_set(place, model_set)
    recipe = recipe_of(place, place.variant(variant, of=model_set), planned, download=True)
    tuned = [tune.tune(place, recipe, seed=seed, progress=lambda _: None) for seed in recipe.variant.seeds]
    return tuple(one.folder / "model" for one in tuned)


def find(folder: os.PathLike[str] | str = ".") -> Workspace:
    """Return the workspace of a folder, which has to exist, with `TCMBENCH_DATA` and `TCMBENCH_CACHE` applied."""
    if not Path(folder).is_dir():
        raise SpecError(f"{folder}: expected the folder of a workspace, but it doesn't exist. Correct the path.")
    return workspaces.from_environment(Path(folder))


def _paths(names: Sequence[str | os.PathLike[str]] | str | os.PathLike[str]) -> list[str]:
    """Return names or paths as text; a single one as a list of one, since a string is a sequence of letters too."""
    return [os.fspath(name) for name in ([names] if isinstance(names, str | os.PathLike) else names)]
