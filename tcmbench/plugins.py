"""The directory is the registry: `miners/bm25.py` *is* the miner `bm25`.

A plug-in is a module that holds the function its kind asks for and, where it can be configured, a pydantic
model named `Options`. Only the module that is asked for is imported, so naming what exists costs nothing.
Other packages add plug-ins through the entry point group `tcmbench.<kind>`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench.errors import SpecError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

Kind = Literal[
    "miners", "augmentations", "trainers", "encoders", "task_types", "formats", "columns", "outputs", "executors"
]

_FOLDERS: Mapping[Kind, str] = {
    "miners": "tcmbench.miners",
    "augmentations": "tcmbench.augmentations",
    "trainers": "tcmbench.trainers",
    "encoders": "tcmbench.encoders",
    "task_types": "tcmbench.task_types",
    "formats": "tcmbench.data.formats",
    "columns": "tcmbench.boards.columns",
    "outputs": "tcmbench.checks.outputs",
    "executors": "tcmbench.executors",
}


class PluginOptions(BaseModel):
    """Base of every plug-in's options: frozen, and a misspelt option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def names(kind: Kind) -> list[str]:
    """Return the names of all plug-ins of a kind, sorted, without importing any."""
    return sorted(_own(kind) | {entry.name for entry in _entry_points(kind)})


def load(kind: Kind, name: str, *, where: str = "") -> ModuleType:
    """Return the plug-in module.

    Args:
        kind: Folder to look in.
        name: Name of the plug-in, which is the name of its file.
        where: What asked for it, for the message (a file path).

    Raises:
        UnknownName: No such plug-in; the message lists the close and the known ones.
    """
    # Ours first: no installed package changes what `bm25` means, and none has to be looked at to find it.
    if name in _own(kind):
        return importlib.import_module(f"{_FOLDERS[kind]}.{name}")
    for entry in _entry_points(kind):
        if entry.name == name:
            module: ModuleType = entry.load()
            return module
    raise UnknownName.of(kind.rstrip("s").replace("_", " "), name, names(kind), where=where)


def options(module: ModuleType, given: Mapping[str, Any], *, where: str = "") -> PluginOptions:
    """Return the plug-in's options, validated.

    Raises:
        SpecError: An option that the plug-in doesn't have, or a value that it can't take.
    """
    schema: type[PluginOptions] = getattr(module, "Options", PluginOptions)
    try:
        return schema.model_validate(dict(given))
    except ValidationError as error:
        short = module.__name__.rpartition(".")[2]
        complaints = "; ".join(
            ": ".join(part for part in (".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")) if part)
            for e in error.errors()
        )
        known = ", ".join(schema.model_fields) or "none"
        raise SpecError(f"{where}: options of {short}: {complaints}. Known options: {known}.") from error


@functools.cache
def _own(kind: Kind) -> frozenset[str]:
    package = importlib.import_module(_FOLDERS[kind])
    files = (path.stem for folder in package.__path__ for path in Path(folder).glob("*.py"))
    return frozenset(stem for stem in files if not stem.startswith("_"))


@functools.cache
def _entry_points(kind: Kind) -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(point for point in _ours() if point.group == f"tcmbench.{kind}")


@functools.cache
def _ours() -> tuple[importlib.metadata.EntryPoint, ...]:
    """Return what other packages offer; looked for once, since each look reads a file of every installed package."""
    found = importlib.metadata.entry_points()
    groups = [name for name in found.groups if name.startswith("tcmbench.")]
    return tuple(point for name in groups for point in found.select(group=name))
