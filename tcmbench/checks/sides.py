"""The two sides of `tcmbench compare`: models of a set, single seeds of a variant, or rows of a baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tcmbench import models, tasks
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import comparability
from tcmbench.comparison.measured import Measured, measured
from tcmbench.comparison.pairs import ComparedPair, Side
from tcmbench.comparison.trainings import NO_TRAININGS, Trainings, trainings
from tcmbench.comparison.verdict import because
from tcmbench.errors import NotComparable, SpecError, UnknownName
from tcmbench.evaluation import run
from tcmbench.models.given import in_set
from tcmbench.runs import entries as board_entries
from tcmbench.runs import gather
from tcmbench.runs.cured import seed_of, stored_treated
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.records.items import Items
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.workspace import Workspace


def read(workspace: Workspace, before: str, after: str, *, set_name: str | None) -> ComparedPair:
    """Return two sides from stored scores.

    Args:
        workspace: Where sets and scores are.
        before: What is compared with: a base, `variant`, `variant/seed0`, or `FILE:model` for a baseline's row.
        after: What is compared.
        set_name: Set that both belong to; None takes the one set that has both.

    Raises:
        UnknownName: No set has both, or several do.
        NotComparable: A baseline's row is of another task than the current one.
        SpecError: A baseline that can't be read.
    """
    chosen = workspace.spec(ModelSet, set_name) if set_name else _only_set(workspace, before, after)
    workspace, model_set = in_set(workspace, chosen)
    planned = tasks.plan_set(workspace, model_set)
    sides = [_side(workspace, model_set, planned, name) for name in (before, after)]
    return ComparedPair(
        sides[0],
        sides[1],
        model_set,
        planned,
        workspace.policies(model_set).reference,
        trainings=_trainings(workspace, model_set, planned, [side.variant for side in sides if side.variant]),
    )


def are_stored(workspace: Workspace, before: str, after: str) -> bool:
    """Return whether both are models of sets, or rows of a baseline, whose scores are only read."""
    if any("://" in name for name in (before, after)):  # a URL has a colon, as a row of a baseline has
        return False
    sets = [model_set for model_set, _ in workspace.sets()]
    return all(any(_has(workspace, one, name) for one in sets) for name in (before, after))


def _trainings(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, compared: Sequence[str]) -> Trainings:
    """Return the trainings of a set; of a set without a second seed nothing is read, and cures only to compare one."""
    variants = workspace.variants(model_set)
    if not compared or all(len(variant.seeds) == 1 for variant in variants):
        return NO_TRAININGS
    entries = [gather.stored_variant(workspace, one, planned, model_set=model_set) for one in variants]
    treated = workspace.treated(model_set)
    if any(each.name in compared for each in treated):
        entries += [stored_treated(workspace, each, model_set, planned) for each in treated]
    return trainings(entries)


def _side(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, name: str) -> Side:
    file = _file_of(name)
    if file is not None:
        return _baseline(workspace, model_set, planned, file, label=name)
    model = _measured(workspace, model_set, planned, name)
    is_whole = model.entry.kind == "variant" and "/seed" not in name and name not in model_set.models
    return of_measured(model, label=name, variant=name if is_whole else "")


def of_measured(model: Measured, *, label: str, variant: str = "") -> Side:
    """Return a model as a side.

    Args:
        model: The model with its items.
        label: Name that it is shown by.
        variant: Variant that all its seeds are of; empty for others.
    """
    return Side(
        label=label,
        items=model.items,
        metrics={column: scores[0].record.metric for column, scores in model.entry.scores.items()},
        reasons={column: because(gap) for column, gap in model.entry.states.items()},
        missing=frozenset(column for column, gap in model.entry.states.items() if gap.state != "not_applicable"),
        hits={column: np.mean(items.right, axis=0) for column, items in model.items.items() if items.right},
        precision=model.entry.precision,
        device=model.entry.device,
        versions=model.entry.versions,
        variant=variant,
    )


def _measured(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, name: str) -> Measured:
    """Return a model of the set by its name; a single seed is a separate model."""
    stem, _, seed = name.rpartition("/seed")
    variants = {variant.name: variant for variant in workspace.variants(model_set)}
    treated = {each.name: each for each in workspace.treated(model_set)}
    if name in model_set.models:
        base = workspace.spec(Base, name, where=f"set {model_set.name}")
        model = models.base_model(workspace, base.name)
        cells, settings = run.read(workspace, model, planned), models.trained_elsewhere(workspace, model.base)
        return measured(board_entries.base_entry(model, cells, settings=settings))
    if name in variants:
        return measured(gather.stored_variant(workspace, variants[name], planned, model_set=model_set))
    if name in treated:
        return measured(stored_treated(workspace, treated[name], model_set, planned))
    if stem in variants:
        known = [f"{stem}/seed{number}" for number in variants[stem].seeds]
        if name not in known:
            raise UnknownName.of("seed", name, known, where=f"variant {stem}")
        only = variants[stem].model_copy(update={"seeds": (int(seed),)})
        entry = gather.stored_variant(workspace, only, planned, model_set=model_set)
        return measured(replace(entry, name=name))
    if stem in treated and (only_seed := seed_of(workspace, treated[stem], model_set, planned, seed)) is not None:
        return measured(replace(only_seed, name=name))
    raise UnknownName.of("model", name, [*model_set.models, *variants, *treated], where=f"set {model_set.name}")


def _baseline(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, file: Path, *, label: str) -> Side:
    """Return a row of a baseline; ids, patients and labels come from stored scores on the same items."""
    baseline = baselines.read(file)
    name = label.removeprefix(f"{file}:")
    if name not in baseline.models:
        raise UnknownName.of("model", name, baseline.models, where=str(file))
    if baseline.suite != planned.suite.name:
        raise NotComparable(f"{file}: a baseline of suite {baseline.suite!r}, compared on suite {planned.suite.name!r}")
    items: dict[str, Items] = {}
    reasons: dict[str, str] = {}
    for column in planned.suite.tasks:
        if column.column not in baseline.models[name].scores:
            reasons[column.column] = f"{file} has no score of {name} on it"
            continue
        frame = _frame(workspace, model_set, planned, column.column)
        if frame is None:
            reasons[column.column] = "no model of the set has a stored score on it, so the items have no ids"
            continue
        reason = comparability.difference(baseline.tasks[column.column], baselines.describe(frame, column.column))
        if reason is not None:
            raise NotComparable(
                f"{column.column} in {file}: {reason}. Rebaseline: tcmbench check SET --update-baseline"
            )
        values = baseline.row(name, column.column, where=str(file))
        items[column.column] = replace(frame.items[column.column], values=values, top1=(), right=())
    metrics = {column: task.metric for column, task in baseline.tasks.items()}
    return Side(
        label=label,
        items=items,
        metrics=metrics,
        reasons=reasons,
        missing=frozenset(),
        hits={},
        variant=name if baseline.models[name].kind == "variant" else "",
        is_rounded=True,
    )


def _frame(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, column: str) -> Measured | None:
    """Return a base of the set with a stored score on a column, the reference first."""
    for name in dict.fromkeys([model_set.reference, *model_set.models]):
        model = _measured(workspace, model_set, planned, name)
        if column in model.items:
            return model
    return None


def _file_of(name: str) -> Path | None:
    """Return the file of `FILE:model`; None for a model's name."""
    path, colon, model = name.rpartition(":")
    if not colon or not model:
        return None
    file = Path(path)
    if not file.is_file():
        raise SpecError(f"{name}: expected FILE:model with a baseline file, but {file} doesn't exist")
    return file


def _only_set(workspace: Workspace, before: str, after: str) -> ModelSet:
    """Return the one set that has both models."""
    sets = [model_set for model_set, _ in workspace.sets()]
    having = [one for one in sets if _has(workspace, one, before) and _has(workspace, one, after)]
    if len(having) == 1:
        return having[0]
    if not having:
        known: Sequence[str] = sorted({name for one in sets for name in _names(workspace, one)})
        for name in (before, after):
            if _file_of(name) is None and not any(_has(workspace, one, name) for one in sets):
                raise UnknownName.of("model", name, known, where="all sets")
        raise UnknownName(f"no set has both {before!r} and {after!r}. Put them into one set, on one suite.")
    listed = ", ".join(one.name for one in having)
    raise UnknownName(f"{before!r} and {after!r} are both in the sets {listed}. Choose one: --set {having[0].name}")


def _has(workspace: Workspace, model_set: ModelSet, name: str) -> bool:
    file = _file_of(name)
    if file is not None:
        return baselines.read(file).set == model_set.name
    return name in _names(workspace, model_set) or name.rpartition("/seed")[0] in _names(workspace, model_set)


def _names(workspace: Workspace, model_set: ModelSet) -> list[str]:
    tuned = (*workspace.variants(model_set), *workspace.treated(model_set))
    return [*model_set.models, *(each.name for each in tuned)]
