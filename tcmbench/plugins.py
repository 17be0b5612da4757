"""The directory is the registry: `miners/bm25.py` *is* the miner `bm25`.

A plug-in is a module with the functions of its kind and, where it can be configured, a pydantic model named `Options`.
Only the module that is needed is imported, so listing names is cheap. Other packages add plug-ins through the entry
point group `tcmbench.<kind>`.

`use` returns a plug-in with its options; its `identity` is part of the key of every artefact that it produces. A module
may declare three names for it:

    REVISION = "1"                                  raised when the same options and input produce a different output
    USES = (("miners", "bm25"),)                    plug-ins that it calls: their revisions are part of its identity
    def identity(options) -> Mapping[str, Json]     options that change the output; without it, all of them
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench import redaction
from tcmbench.checksums import file_sha256
from tcmbench.complaints import in_one_line
from tcmbench.errors import SpecError, UnknownName
from tcmbench.store import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from tcmbench.store import Json

Kind = Literal[
    "miners", "augmentations", "trainers", "encoders", "sources", "task_types", "formats", "statistics", "columns",
    "figures", "outputs", "executors", "cures", "forms", "exports",
]  # fmt: skip

KINDS: tuple[Kind, ...] = get_args(Kind)

_FOLDERS: Mapping[Kind, str] = {
    "miners": "tcmbench.miners",
    "augmentations": "tcmbench.augmentations",
    "trainers": "tcmbench.trainers",
    "encoders": "tcmbench.encoders",
    "sources": "tcmbench.models.sources",
    "task_types": "tcmbench.task_types",
    "formats": "tcmbench.data.formats",
    "statistics": "tcmbench.stats.statistics",
    "columns": "tcmbench.boards.columns",
    "figures": "tcmbench.boards.figures",
    "outputs": "tcmbench.checks.outputs",
    "executors": "tcmbench.executors",
    "cures": "tcmbench.cures",
    "exports": "tcmbench.publishing.exports",
    "forms": "tcmbench.forms",
}


class PluginOptions(BaseModel):
    """Base of every plug-in's options: frozen, and a misspelt option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in in use: its module and its options."""

    kind: Kind

    name: str

    module: ModuleType

    options: PluginOptions

    @property
    def revision(self) -> str:
        """Revision of its code: its own `REVISION`, with the name of its distribution where that isn't tcmbench.

        Without a `REVISION` it is the version of the distribution with the hash of the module's file, so that a
        module under development is never mistaken for its previous state.
        """
        declared = getattr(self.module, "REVISION", None)
        if declared is None:
            name, version = _distribution(self.kind, self.name)
            return f"{name} {version} {_source_sha256(self.module)}"
        if self.name in _own(self.kind):
            return str(declared)
        return f"{_distribution(self.kind, self.name)[0]} {declared}"

    def identity(self) -> dict[str, Json]:
        """Return everything that changes its output: name, revision, plug-ins that it uses, options.

        Only options that differ from their defaults are included, so that a new option leaves keys as they are, and no
        secrets, as another key for the same server changes nothing.
        """
        refine = getattr(self.module, "identity", differences)
        used = self.module.uses(self.options) if hasattr(self.module, "uses") else None
        parts: dict[str, Json] = {
            "uses": _uses(self.module, used),
            "options": redaction.identity(dict(refine(self.options))),
        }
        return {"name": self.name, "revision": self.revision, **{name: part for name, part in parts.items() if part}}


def names(kind: Kind) -> list[str]:
    """Return the names of all plug-ins of a kind, sorted, without importing any."""
    return sorted(_own(kind) | {entry.name for entry in _entry_points(kind)})


def load(kind: Kind, name: str, *, where: str = "") -> ModuleType:
    """Return the plug-in module.

    Args:
        kind: Folder to look in.
        name: Name of the plug-in, which is the name of its file.
        where: Context for the message (a file path).

    Raises:
        UnknownName: No such plug-in; the message suggests a similar name and lists the known ones.
    """
    # The package's own first: no installed package changes what `bm25` means, and none has to be searched.
    if name in _own(kind):
        return importlib.import_module(f"{_FOLDERS[kind]}.{name}")
    for entry in _entry_points(kind):
        if entry.name == name:
            module: ModuleType = entry.load()
            return module
    raise UnknownName.of(kind.rstrip("s").replace("_", " "), name, names(kind), where=where)


def use(kind: Kind, name: str, options: Mapping[str, Any] | None = None, *, where: str = "") -> Plugin:
    """Return the plug-in with its options, validated.

    Args:
        kind: Folder to look in.
        name: Name of the plug-in.
        options: As written in a spec; None for the defaults.
        where: Context for the message (a file path).

    Raises:
        UnknownName: No such plug-in.
        SpecError: An option that the plug-in doesn't have, or an invalid value.
    """
    module = load(kind, name, where=where)
    schema: type[PluginOptions] = getattr(module, "Options", PluginOptions)
    try:
        return Plugin(kind, name, module, schema.model_validate(dict(options or {})))
    except ValidationError as error:
        known = ", ".join(schema.model_fields) or "none"
        prefix = f"{where}: " if where else ""
        raise SpecError(f"{prefix}options of {name}: {in_one_line(error)}. Known options: {known}.") from error


def of_other_packages(kind: Kind) -> list[Plugin]:
    """Return the plug-ins of a kind that other packages add, by name, with their default options."""
    return [use(kind, name) for name in names(kind) if name not in _own(kind)]


def _uses(module: ModuleType, used: Iterable[tuple[Kind, str]] | None = None) -> dict[str, Json]:
    """Return the revisions of the plug-ins in `used`, by default all that a module uses, and of those that they use."""
    revisions: dict[str, Json] = {}
    for kind, name in getattr(module, "USES", ()) if used is None else used:
        used = load(kind, name, where=f"USES of {module.__name__}")
        revisions[f"{kind}/{name}"] = Plugin(kind, name, used, PluginOptions()).revision
        revisions |= _uses(used)
    return revisions


def _distribution(kind: Kind, name: str) -> tuple[str, str]:
    """Return name and version of the distribution of a plug-in."""
    entry = None if name in _own(kind) else next(entry for entry in _entry_points(kind) if entry.name == name)
    if entry is None or entry.dist is None:
        return "tcmbench", importlib.metadata.version("tcmbench")
    return entry.dist.name, entry.dist.version


def _source_sha256(module: ModuleType) -> str:
    return file_sha256(Path(module.__file__)) if module.__file__ else ""


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
    """Return the entry points of other packages; cached, since reading them opens a file of every installed package."""
    points = importlib.metadata.entry_points()
    groups = [name for name in points.groups if name.startswith("tcmbench.")]
    return tuple(point for name in groups for point in points.select(group=name))
