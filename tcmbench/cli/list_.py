"""`tcmbench list KIND`: what there is, without importing any of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


class ListedKind(StrEnum):
    """What can be listed."""

    tasks = "tasks"
    suites = "suites"
    bases = "bases"
    variants = "variants"
    sets = "sets"
    miners = "miners"
    augmentations = "augmentations"
    trainers = "trainers"
    encoders = "encoders"
    task_types = "task-types"
    formats = "formats"
    statistics = "statistics"
    columns = "columns"
    figures = "figures"
    outputs = "outputs"
    executors = "executors"


def command(kind: Annotated[ListedKind, typer.Argument(help="What to list.")], data: DataOption = None) -> None:
    """List tasks, suites, bases, variants, sets and plug-ins."""
    place = workspace(data)
    rows = _rows(place, kind)
    width = max((len(row[0]) for row in rows), default=0)
    for name, state, text in rows:
        say(f"{name:<{width}}  {state:<14}  {text}".rstrip())


def _rows(place: Workspace, kind: ListedKind) -> list[tuple[str, str, str]]:
    match kind:
        case ListedKind.tasks:
            return _tasks(place)
        case ListedKind.bases:
            return _bases(place)
        case ListedKind.suites:
            from tcmbench.specs.suite import Suite

            suites = [place.spec(Suite, name) for name in place.names(Suite)]
            return [(s.name, f"{len(s.tasks)} columns", s.description) for s in suites]
        case ListedKind.sets:
            from tcmbench.specs.model_set import ModelSet

            sets = [place.spec(ModelSet, name) for name in place.names(ModelSet)]
            return [(s.name, f"suite {s.suite}", s.description) for s in sets]
        case ListedKind.variants:
            return _variants(place)
        case _:
            from tcmbench import plugins

            # the enum holds the plug-in kinds under their folder's name
            return [(name, "", "") for name in plugins.names(kind.name)]  # type: ignore[arg-type]


def _variants(place: Workspace) -> list[tuple[str, str, str]]:
    """Return the variants of files, then those that sets spell themselves, which `--set` names."""
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant

    def told(variant: Variant, of_set: str = "") -> tuple[str, str, str]:
        text = f"{of_set}{variant.base} on {variant.data}: {variant.description}"
        return variant.name, variant.tuner, text.rstrip(": ")

    filed = set(place.names(Variant))
    rows = [told(place.spec(Variant, name)) for name in place.names(Variant)]
    for name in place.names(ModelSet):
        spelled = [v for v in place.variants(place.spec(ModelSet, name)) if v.name not in filed]
        rows += [told(variant, f"set {name}, ") for variant in spelled]
    return rows


def _tasks(place: Workspace) -> list[tuple[str, str, str]]:
    from tcmbench import tasks
    from tcmbench.data.location import SYNTHETIC

    rows = []
    for spec in tasks.specs(place):
        if spec.path.startswith(SYNTHETIC):
            state = "generated"
        else:
            state = "data absent" if tasks.missing_files(place, spec) else "data here"
        rows.append((spec.name, state, spec.description))
    return rows


def _bases(place: Workspace) -> list[tuple[str, str, str]]:
    from tcmbench.models import weights
    from tcmbench.specs.base import Base

    rows = []
    for name in place.names(Base):
        base = place.spec(Base, name)
        rows.append((name, weights.state(place, base), f"{base.kind}: {base.description}"))
    return rows
