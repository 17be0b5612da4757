"""`tcmbench list KIND`: tasks, suites, models, spaces and plug-ins, without importing them."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace
from tcmbench.errors import TcmbenchError
from tcmbench.specs.toml import Spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.specs.base import Base
    from tcmbench.specs.cure import Cure
    from tcmbench.specs.form import Form
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import Suite
    from tcmbench.specs.task import TaskSpec
    from tcmbench.workspace import Workspace

SpecT = TypeVar("SpecT", bound=Spec)


class _Row(NamedTuple):
    name: str
    state: str
    text: str


class ListedKind(StrEnum):
    """Kinds that can be listed."""

    tasks = "tasks"
    suites = "suites"
    bases = "bases"
    variants = "variants"
    sets = "sets"
    spaces = "spaces"
    miners = "miners"
    augmentations = "augmentations"
    trainers = "trainers"
    encoders = "encoders"
    sources = "sources"
    task_types = "task-types"
    formats = "formats"
    statistics = "statistics"
    columns = "columns"
    figures = "figures"
    outputs = "outputs"
    executors = "executors"
    cures = "cures"
    exports = "exports"
    forms = "forms"


def command(kind: Annotated[ListedKind, typer.Argument(help="Kind to list.")], data: DataOption = None) -> None:
    """List tasks, suites, bases, variants, sets, spaces and plug-ins."""
    place = workspace(data)
    rows = _rows(place, kind)
    width = max((len(row.name) for row in rows), default=0)
    for name, state, text in rows:
        say(f"{name:<{width}}  {state:<14}  {text}".rstrip())


def _rows(place: Workspace, kind: ListedKind) -> list[_Row]:
    match kind:
        case ListedKind.tasks:
            from tcmbench.specs.task import TaskSpec

            return _filed(place, TaskSpec, lambda spec: _task(place, spec))
        case ListedKind.bases:
            from tcmbench.specs.base import Base

            return _filed(place, Base, lambda base: _base(place, base))
        case ListedKind.suites:
            from tcmbench.specs.suite import Suite

            return _filed(place, Suite, lambda s: _Row(s.name, _columns(s), s.description))
        case ListedKind.sets:
            from tcmbench.specs.model_set import ModelSet

            return _filed(place, ModelSet, lambda s: _Row(s.name, f"suite {s.suite}", s.description))
        case ListedKind.spaces:
            from tcmbench.specs.space import SearchSpace

            return _filed(place, SearchSpace, lambda s: _Row(s.name, f"{s.trials} trials", s.description))
        case ListedKind.variants:
            return _variants(place)
        case _:
            from tcmbench import plugins

            # the enum has the plug-in kinds under their folder's name
            return [_Row(name, "", "") for name in plugins.names(kind.name)]  # type: ignore[arg-type]


def _filed(place: Workspace, schema: type[SpecT], row: Callable[[SpecT], _Row]) -> list[_Row]:
    """Return one row per file of a kind, including invalid ones."""
    rows = []
    for name, spec in place.specs(schema):
        try:
            rows.append(_broken(name, spec) if isinstance(spec, TcmbenchError) else row(spec))
        except TcmbenchError as error:
            rows.append(_broken(name, error))
    return rows


def _broken(name: str, error: TcmbenchError) -> _Row:
    return _Row(name, "broken", " ".join(str(error).split()))


def _variants(place: Workspace) -> list[_Row]:
    """Return the variants with files, then variants, cures and forms defined in sets, which need `--set`."""
    from tcmbench.specs.variant import Variant

    def shown(variant: Variant, of_set: str = "") -> _Row:
        text = (
            f"{of_set}{variant.base} on {' + '.join(source.path for source in variant.sources)}: {variant.description}"
        )
        return _Row(variant.name, variant.tuner, text.rstrip(": "))

    rows = _filed(place, Variant, shown)
    filed = {row.name for row in rows}
    for model_set, variants in place.sets():
        rows += [shown(variant, f"set {model_set.name}, ") for variant in variants if variant.name not in filed]
        with contextlib.suppress(TcmbenchError):  # a set that can't be read is reported by `doctor` and `run`
            rows += [_Row(cure.name, "cure", _made(cure, cure.of, model_set)) for cure in place.cures(model_set)]
            rows += [_Row(form.name, "form", _made(form, (form.of,), model_set)) for form in place.forms(model_set)]
    return rows


def _made(one: Cure | Form, of: tuple[str, ...], model_set: ModelSet) -> str:
    return f"set {model_set.name}, {one.method} of {', '.join(of)}: {one.description}".rstrip(": ")


def _task(place: Workspace, spec: TaskSpec) -> _Row:
    from tcmbench import tasks
    from tcmbench.data.location import SYNTHETIC

    if spec.path.startswith(SYNTHETIC):
        return _Row(spec.name, "generated", spec.description)
    return _Row(spec.name, "data absent" if tasks.missing_files(place, spec) else "data present", spec.description)


def _columns(suite: Suite) -> str:
    return "1 column" if len(suite.tasks) == 1 else f"{len(suite.tasks)} columns"


def _base(place: Workspace, base: Base) -> _Row:
    from tcmbench.models import weights

    state = weights.state(place, base)
    origin = weights.origin(place, base) if state == "here" else ""
    return _Row(base.name, state, f"{base.kind}: {base.description}" + (f" [weights: {origin}]" if origin else ""))
