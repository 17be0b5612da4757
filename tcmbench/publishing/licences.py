"""Licences of a tuned model's base and of its training data: as stated in files of the workspace, or unknown."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import TcmbenchError
from tcmbench.specs.base import Base
from tcmbench.specs.data_set import DataSet
from tcmbench.specs.task import TaskSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace

UNKNOWN = "unknown"


class Licence(NamedTuple):
    """The licence of something."""

    of: str
    """Name of a base, or path of data under the data root."""

    terms: str
    """As its file states them; unknown where none does."""

    source: str = ""
    """Page of the data, or name of the base on the hub."""


def of_bases(workspace: Workspace, variants: Sequence[Variant]) -> tuple[Licence, ...]:
    """Return the licences of the bases that variants are tuned from, and of those that they are derived from."""
    found: dict[str, Licence] = {}
    for variant in variants:
        name: str | None = variant.base
        while name is not None and name not in found:
            base = workspace.spec(Base, name)
            found[name] = Licence(name, base.license, base.hub_id or "")
            name = base.derive.base if base.derive is not None else None
    return tuple(found.values())


def of_data(workspace: Workspace, variants: Sequence[Variant]) -> tuple[Licence, ...]:
    """Return the licence of each source of training data.

    It is that of a data set (`tasks/datasets`) or else of a task with its path, or with a folder that it is in.
    """
    stated = [*_stated(workspace)]
    paths = dict.fromkeys(source.path for variant in variants for source in variant.sources)
    return tuple(_of_path(path, stated) for path in paths)


def _stated(workspace: Workspace) -> Iterable[Licence]:
    for _, data_set in workspace.specs(DataSet):
        if not isinstance(data_set, TcmbenchError):
            yield Licence(data_set.path, data_set.terms, data_set.homepage)
    for _, task in workspace.specs(TaskSpec):
        if not isinstance(task, TcmbenchError):
            yield Licence(task.path, task.license)


def _of_path(path: str, stated: Iterable[Licence]) -> Licence:
    own = PurePosixPath(path)
    match = next((one for one in stated if own.is_relative_to(PurePosixPath(one.of))), None)
    # A folder outside of the data root may have the name of its user in it.
    shown = own.name if own.is_absolute() else path
    return Licence(shown, UNKNOWN) if match is None else match._replace(of=shown)
