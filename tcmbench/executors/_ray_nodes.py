"""Whether every node of a cluster runs the same tcmbench and sees the same folders.

A node with another store would train, report success, and leave no result; one with other code would store its scores
under the keys of this one.
"""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tcmbench import shared_folder
from tcmbench.checksums import file_sha256
from tcmbench.errors import SpecError
from tcmbench.executors._ray_cluster import nodes
from tcmbench.store import key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tcmbench.workspace import Workspace

_SECONDS = 180.0
"""Time for a node to start a process and import tcmbench."""


class Common(NamedTuple):
    """What a node must have in common with the run."""

    probe: Path
    """Folder of `shared_folder.probe` in the store."""

    folders: tuple[Path, ...]
    """Folders with specs and data."""

    code: str
    """Hash of the package's files."""


def difference(common: Common) -> str:
    """Return how this process differs from the run; empty where it doesn't."""
    if code() != common.code:
        return "its tcmbench is another version, or has other files"
    absent = [str(folder) for folder in common.folders if not folder.is_dir()]
    if absent:
        return f"it has no folder {', '.join(absent)}"
    return shared_folder.obstacle(common.probe)


@functools.cache
def code() -> str:
    """Return the hash of the package's Python files."""
    package = Path(__file__).parents[1]
    return key("code", {str(path.relative_to(package)): file_sha256(path) for path in sorted(package.rglob("*.py"))})


@contextlib.contextmanager
def shared_by_all(workspace: Workspace, *, environment: Mapping[str, str]) -> Iterator[Common]:
    """Check all nodes, and yield what jobs check again, for nodes that join later.

    Raises:
        SpecError: A node differs; the message names all that do.
        StorageError: The store isn't writable.
    """
    folders = [folder for folder in (*workspace.content, *workspace.data_roots) if folder.is_dir()]
    with shared_folder.probe(workspace.cache / "running") as place:
        common = Common(place, tuple(folders), code())
        found = _differences(common, environment)
        if found:
            raise SpecError(
                "Nodes of the cluster that can't perform jobs of this run:\n"
                + "\n".join(f"{name}: {what}" for name, what in found.items())
                + "\nEvery node needs the same tcmbench and the same folders under the same paths (docs/cluster.md)."
            )
        yield common


def _differences(common: Common, environment: Mapping[str, str]) -> dict[str, str]:
    """Return node → how it differs, for those that do."""
    check = ray.remote(difference)
    asked = {
        check.options(
            num_cpus=0,
            max_retries=0,
            runtime_env={"env_vars": dict(environment)},
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.identity, soft=False),
        ).remote(common): node.name
        for node in nodes()
        if node.room.cpus
    }
    done, late = ray.wait([*asked], num_returns=len(asked), timeout=_SECONDS)
    found = {asked[task]: f"no answer within {_SECONDS:.0f} s" for task in late}
    for task in done:
        try:
            found[asked[task]] = ray.get(task)
        except ray.exceptions.RayError as error:
            found[asked[task]] = last_line(error)
    return {name: what for name, what in found.items() if what}


def last_line(error: BaseException) -> str:
    """Return the line of an error of Ray that says what happened: the last, since tracebacks come before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
