"""The files of a set's board: computed once, kept in the store, copied to `leaderboards/<set>/`."""

from __future__ import annotations

import contextlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.boards.files import PUBLISHED
from tcmbench.boards.options import Options
from tcmbench.checksums import tree_sha256
from tcmbench.comparison import baseline as baselines
from tcmbench.runs import cards as task_cards
from tcmbench.runs import gather
from tcmbench.store import atomic_write, key

if TYPE_CHECKING:
    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace


_KINDS: tuple[plugins.Kind, ...] = ("statistics", "columns", "figures")
"""Kinds of plug-ins on a board: those of other packages are in its key, the bundled ones are part of its code."""

_PACKAGES = ("jinja2", "matplotlib")
"""Packages that render a page."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a run."""

    entries: tuple[Entry, ...]
    """One per model, in the set's order."""

    files: tuple[Path, ...]
    """Written files."""

    missing: tuple[str, ...]
    """`model · column: reason` of every missing score."""


def write_board(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    entries: list[Entry],
    *,
    policy: Path | None = None,
    public: bool = False,
    folder: Path | None = None,
) -> Result:
    """Write the board of a set and return it with the missing scores.

    Args:
        workspace: The workspace.
        model_set: The set.
        planned: Its suite.
        entries: One per model.
        policy: File that overrides the set's own policy.
        public: Whether it is for publication (`boards.public`).
        folder: Its folder; None for the set's own, that of a public board beside it.
    """
    stored = stored_board(workspace, model_set, planned, entries, policy=policy, public=public)
    folder = folder or workspace.leaderboards / (f"{model_set.name}-public" if public else model_set.name)
    return Result(tuple(entries), tuple(_copied(stored, folder)), gather.missing(entries))


def stored_board(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    entries: list[Entry],
    *,
    policy: Path | None = None,
    public: bool = False,
) -> Path:
    """Return the folder of the store with the files of a board, which is computed once, as it takes up to a minute.

    Args:
        workspace: The workspace.
        model_set: The set.
        planned: Its suite.
        entries: One per model.
        policy: File that overrides the set's own policy.
        public: Whether it is for publication.
    """
    options = board_options(workspace, model_set, planned, policy=policy, public=public)
    package = Path(__file__).parent.parent
    code = [
        path
        for name in ("boards", "comparison", "stats", "text")
        for path in (package / name).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    parts: dict[str, Json] = {
        "entries": repr(entries),
        "options": repr(options),
        "set": model_set.model_dump_json(),
        "suite": planned.suite.model_dump_json(),
        "code": tree_sha256(code, root=package),
        "plug-ins": [[kind, plugin.identity()] for kind in _KINDS for plugin in plugins.of_other_packages(kind)],
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
    name, store = key("board 3", parts), workspace.store
    if not store.has("boards", name):
        from tcmbench.boards import build, render

        table = build.build(model_set, planned.suite, entries, options=options)
        with store.build("boards", name) as part:
            render.write(table, part, names=render.WRITERS)
    return store.path("boards", name)


def board_options(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    *,
    policy: Path | None = None,
    show_text: bool = False,
    public: bool = False,
) -> Options:
    """Return the options of a board: policy (the set's or its override), baseline and cards."""
    path = baselines.path_of(workspace, model_set.name)
    policies = workspace.policies(model_set, override=policy)
    command = f"tcmbench board {model_set.name}{' --public' if public else ''}"
    return Options(
        policies=policies,
        cards=task_cards.task_cards(workspace, planned, variants=workspace.variants(model_set), show_text=show_text),
        command=f"{command} --policy {policies.source}" if policy else command,
        baseline=baselines.read(path) if baselines.is_there(path) else None,
        baseline_file=workspace.shown(path) if baselines.is_there(path) else "",
        public=public,
    )


def _copied(stored: Path, folder: Path) -> list[Path]:
    targets = [folder / name for name in PUBLISHED]
    with contextlib.ExitStack() as parts:
        # All are written before the first is renamed: on a full disk, page and table remain those of the same scores.
        for target in targets:
            parts.enter_context(atomic_write(target)).write_bytes((stored / target.name).read_bytes())
    return targets
