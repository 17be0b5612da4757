"""The recipe of a variant in a suite: its inputs, without training records that leak into the suite's tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.models import base_model
from tcmbench.records.reason import Reason, Reasons
from tcmbench.specs.base import Base
from tcmbench.tuning import general_texts, generated, leaks, training_data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.source import DataSource
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.general_texts import GeneralTexts
    from tcmbench.tuning.training_data import TrainingData
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class LocatedSource:
    """A source of training data, looked up."""

    source: DataSource

    data: TrainingData

    drop: frozenset[str] = frozenset()
    """Its records that are left out because they leak."""

    drop_dev: frozenset[str] = frozenset()
    """Those of its dev split, which cures leave out."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A variant with everything that its models depend on."""

    variant: Variant
    """The variant."""

    base: Base
    """The base that is tuned."""

    base_dir: Path
    """Folder of its weights."""

    parts: tuple[LocatedSource, ...]
    """The sources of training data; one, unless they are a mixture."""

    leaks: Reasons
    """Overlap of the training records, and of general texts, with the suite's tasks, in one line; empty without a
    suite."""

    general: GeneralTexts | None = None
    """General texts that the training keeps the base's ability on; None where it reads none."""

    @property
    def first(self) -> LocatedSource:
        """The training data; of a mixture the first source with role train."""
        return next(part for part in self.parts if part.source.role == "train")


def resolve(
    workspace: Workspace,
    variant: Variant,
    *,
    parts: Sequence[LocatedSource] = (),
    leaks: Reasons | None = None,
    general: GeneralTexts | None = None,
    download: bool = False,
) -> Recipe:
    """Return a variant with its base and data looked up; with `download`, the base may be fetched from the hub.

    Args:
        workspace: Where specs and data are.
        variant: The variant.
        parts: Its sources, where they have been looked up before.
        leaks: Their overlap with a suite.
        general: Its general texts, where they have been looked up before.
        download: Whether the base may be fetched.

    Raises:
        UnknownName: No such base.
        ModelAbsent: The base's weights aren't here.
        SpecError: The base can't be tuned.
        DataError: The data can't be used.
    """
    where = f"variant {variant.name}"
    base = workspace.spec(Base, variant.base, where=where)
    if not base.has_weights:
        raise SpecError(f"variant {variant.name}: base {base.name} has no weights here; nothing can be tuned")
    if base.kind != variant.task:
        raise SpecError(
            f"variant {variant.name}: task is {variant.task!r}, but base {base.name} is of kind {base.kind!r}. "
            f"Set task = {base.kind!r} or name another base."
        )
    model = base_model(workspace, base.name, where=where, download=download)
    if model.model_dir is None:
        raise ModelAbsent(f"variant {variant.name}: base {base.name} has no folder of weights")
    return Recipe(
        variant=variant,
        base=model.base,
        base_dir=model.model_dir,
        parts=tuple(parts or parts_of(workspace, variant)),
        leaks=leaks or Reasons(),
        general=general or general_texts.find(workspace, variant, None),
    )


def recipe_of(
    workspace: Workspace, variant: Variant, planned: PlannedSuite | None, *, download: bool = False
) -> Recipe:
    """Return the recipe of a variant; with a suite, leaks are searched for, and dropped where the variant says so.

    With `download`, a base on the hub may be fetched.

    Raises:
        SpecError: Leaks are to be dropped, but there is no suite to look for them in.
        TcmbenchError: The recipe can't be followed.
    """
    if planned is None:
        if variant.drop_leaks:
            raise SpecError(
                f"variant {variant.name}: drop_leaks leaves out the records that occur in the tasks of a suite, and no "
                "suite is given. Add --set SET or --suite SUITE."
            )
        return resolve(workspace, variant, download=download)
    parts: list[LocatedSource] = []
    summary: list[Reason] = []
    for part in parts_of(workspace, variant):
        report = leaks.find(workspace, part.data, planned)
        drop = report.records if variant.drop_leaks else frozenset()
        parts.append(replace(part, drop=drop, drop_dev=report.dev if variant.drop_leaks else frozenset()))
        source = [Reason.of("leaks_of_source", source=part.source.title)] if variant.is_mixture else []
        dropped = [Reason.of("leaks_dropped", count=len(drop))] if variant.drop_leaks else []
        if report.dev:
            dropped.append(Reason.of("dev_leaks_dropped" if variant.drop_leaks else "dev_leaks", count=len(report.dev)))
        summary += [*source, *report.summary, *dropped, *generated.said_of(part.data, part.source.title, planned)]
    general = general_texts.find(workspace, variant, planned)
    said = Reasons([*summary, *(general.leaks if general is not None else ())])
    return resolve(workspace, variant, parts=parts, leaks=said, general=general, download=download)


def parts_of(workspace: Workspace, variant: Variant) -> tuple[LocatedSource, ...]:
    """Return the sources of a variant, looked up.

    Raises:
        TcmbenchError: A source isn't there, can't be used, or has settings that don't fit it.
    """
    from tcmbench.trainers import requirements

    is_scored = requirements(variant).scored
    located = []
    for source in variant.sources:
        takes_scores = is_scored and (source.negatives or variant.negatives).miner == "none"
        where = f"variant {variant.name}"
        data = training_data.of_source(workspace, source, where=where, takes_scores=takes_scores)
        located.append(LocatedSource(source, data))
    if not variant.is_mixture:
        training_data.refuse_idle_augmentation(variant, located[0].data)
    return tuple(located)
