"""The files of a set's board: computed once, kept in the store, copied to `leaderboards/<set>/`."""

from __future__ import annotations

import contextlib
import importlib.metadata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import plugins
from tcmbench.boards import losses
from tcmbench.boards.files import PUBLISHED
from tcmbench.boards.options import Options
from tcmbench.checksums import tree_sha256
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison import looks
from tcmbench.errors import SpecError
from tcmbench.records import provenance
from tcmbench.runs import cards as task_cards
from tcmbench.runs import gather
from tcmbench.runs.part import WHOLE, Part
from tcmbench.store import atomic_write, key, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.boards.table import Table
    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.search import SearchOutcome
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace


_KINDS: tuple[plugins.Kind, ...] = ("statistics", "columns", "figures")
"""Kinds of plug-ins on a board: those of other packages are in its key, the bundled ones are part of its code."""

_SUMMARY = "summary.txt"
"""Its name in the store; it is not published."""

_PACKAGES = ("jinja2", "matplotlib", "tcmbench")
"""Packages that render a page, or are named on it."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a run."""

    entries: tuple[Entry, ...]
    """One per model, in the set's order."""

    files: tuple[Path, ...]
    """Written files."""

    missing: tuple[str, ...]
    """`model · column: reason` of every missing score."""

    summary: str = ""
    """The board in a few lines, for a terminal."""


def write_board(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    entries: list[Entry],
    *,
    policy: Path | None = None,
    part: Part = WHOLE,
    public: bool = False,
    target: Path | None = None,
    search: SearchOutcome | None = None,
) -> Result:
    """Write the board of a set and return it with the missing scores of a part of it.

    Args:
        workspace: The workspace.
        model_set: The set.
        planned: Its suite.
        entries: One per model.
        policy: File that overrides the set's own policy.
        part: Part whose missing scores are returned.
        public: Whether it is for publication (`boards.public`).
        target: Its folder; None for the set's own (`folder`), that of a public board beside it.
        search: The search whose trials it shows.

    Raises:
        ScoreMissing: It would lose scores because data or weights are absent; the board that is there stays.
    """
    own = folder(workspace, model_set, planned)
    target = target or (own.with_name(f"{own.name}-public") if public else own)
    losses.refuse(target, model_set.name, entries)
    stored = stored_board(workspace, model_set, planned, entries, policy=policy, public=public, search=search)
    files = place(target, {name: (stored / name).read_bytes() for name in PUBLISHED})
    summary = (stored / _SUMMARY).read_text(encoding="utf-8")
    return Result(tuple(entries), tuple(files), gather.missing(entries, part=part), summary)


def stored_board(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    entries: list[Entry],
    *,
    policy: Path | None = None,
    public: bool = False,
    search: SearchOutcome | None = None,
) -> Path:
    """Return the folder of the store with the files of a board, which is computed once, as it takes up to a minute.

    Args:
        workspace: The workspace.
        model_set: The set.
        planned: Its suite.
        entries: One per model.
        policy: File that overrides the set's own policy.
        public: Whether it is for publication.
        search: The search whose trials it shows.
    """
    options = board_options(workspace, model_set, planned, policy=policy, public=public)
    if search is not None:
        options = replace(options, search=search, command=f"tcmbench search {search.space}")
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
    name, store = key("board 4", parts), workspace.store
    if not store.has("boards", name):
        from tcmbench.boards import build, render, summary

        table = build.build(model_set, planned.suite, entries, options=options)
        with store.build("boards", name) as part:
            render.write(table, part, names=render.WRITERS)
            write_text(part / _SUMMARY, summary.to_text(table))
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
    """Return the options of a board: policy (the set's or its override), baseline and cards.

    Raises:
        SpecError: A quick look for publication.
    """
    if public and planned.suite.limit is not None:
        raise SpecError(
            f"set {model_set.name}: suite {planned.suite.name} is a quick look (limit = {planned.suite.limit}), which "
            "is not published. Name a suite without a limit."
        )
    path = baselines.path_of(workspace, model_set.name)
    policies = workspace.policies(model_set, override=policy)
    # a set without a file can only be run again
    command = provenance.command() if _is_given(workspace, model_set) else f"tcmbench board {model_set.name}"
    command += " --public" if public else ""
    return Options(
        policies=policies,
        cards=task_cards.task_cards(workspace, planned, variants=workspace.variants(model_set), show_text=show_text),
        command=f"{command} --policy {policies.source}" if policy else command,
        baseline=baselines.read(path) if baselines.is_there(path) else None,
        baseline_file=workspace.shown(path) if baselines.is_there(path) else "",
        looks=looks.read(looks.path_of(workspace, model_set.name)),
        public=public,
    )


def table(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    entries: Sequence[Entry],
    *,
    policy: Path | None = None,
    show_text: bool = False,
    public: bool = False,
    resamples: int | None = None,
) -> Table:
    """Return the content of a board, computed and not stored.

    Args:
        workspace: The workspace.
        model_set: The set.
        planned: Its suite.
        entries: One per model.
        policy: File that overrides the set's own policy.
        show_text: Whether it contains the texts of items.
        public: Whether it is for publication.
        resamples: Number of resamples; None takes the policy's.
    """
    from tcmbench.boards import build

    options = board_options(workspace, model_set, planned, policy=policy, show_text=show_text, public=public)
    if resamples is not None:
        options = replace(options, policies=options.policies.with_resamples(resamples))
    return build.build(model_set, planned.suite, entries, options=options)


def folder(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> Path:
    """Return the folder of a board: of a quick look, or of a set without a file, one that is not committed."""
    is_look = planned.suite.limit is not None or _is_given(workspace, model_set)
    return (workspace.reports if is_look else workspace.leaderboards) / model_set.name


def _is_given(workspace: Workspace, model_set: ModelSet) -> bool:
    return any(type(spec) is type(model_set) and spec.name == model_set.name for spec in workspace.given)


def place(target: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files of a board into a folder, and return their paths in the same order."""
    targets = {target / name: content for name, content in files.items()}
    with contextlib.ExitStack() as parts:
        # All are written before the first is renamed: on a full disk, page and table remain those of the same scores.
        for target, content in targets.items():
            parts.enter_context(atomic_write(target)).write_bytes(content)
    return list(targets)
