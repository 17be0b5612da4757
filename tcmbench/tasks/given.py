"""A task as a user names it: a declared task, a file of pairs, or a folder in the layout of BEIR or TCM-SD."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.data import reading, table_files
from tcmbench.errors import DataAbsent, DataError
from tcmbench.specs import toml
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.specs.task import TaskSpec
from tcmbench.workspace import bundled_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tcmbench.workspace import Workspace


def suite_of(workspace: Workspace, names: Iterable[str]) -> tuple[Workspace, Suite]:
    """Return a suite of the tasks that are named, and the workspace that knows them.

    Args:
        workspace: Where declared tasks are.
        names: Names of tasks, of ours or mteb's, or paths of data.

    Raises:
        DataAbsent: A path where there is nothing.
        DataError: A file or folder that no task can be made of.
    """
    columns: list[SuiteTask] = []
    for name in names:
        if name in workspace.names(TaskSpec):
            spec = workspace.spec(TaskSpec, name)
            columns += [SuiteTask(task=name, role="in_domain", split=split) for split in spec.splits]
            continue
        path = Path(name).expanduser()
        if not path.exists():
            if os.sep in name or table_files.ending(path):
                raise DataAbsent(path, what="The data of a task", how="Correct the path.")
            columns.append(SuiteTask(task=name, role="in_domain"))  # one of mteb's
            continue
        spec = _spec(workspace, path.resolve())
        workspace = replace(workspace, given=(*workspace.given, spec))
        columns += [SuiteTask(task=spec.name, role="in_domain", split=split) for split in spec.splits]
    return workspace, Suite(
        name="given", description="Tasks that were named on the command line.", tasks=tuple(columns)
    )


def limited(workspace: Workspace, suite: Suite, limit: int) -> tuple[Workspace, Suite]:
    """Return a quick look at a suite, a suite of another name, and the workspace that knows it."""
    least = limit if suite.limit is None else min(limit, suite.limit)
    look = suite.model_copy(update={"name": f"{suite.name}-limit-{least}", "limit": least})
    return replace(workspace, given=(*workspace.given, look)), look


def own_suite(workspace: Workspace) -> str:
    """Return the suite of a workspace that has one of its own, else the suite of the data that may be here."""
    own = [
        name
        for content in workspace.content
        if content != bundled_content()
        for name in toml.names(content / "tasks/suites")
    ]
    return own[0] if len(own) == 1 else "local"


def _spec(workspace: Workspace, path: Path) -> TaskSpec:
    stem = re.sub(r"[^\w-]", "-", path.name.partition(".")[0]) or "data"
    taken = workspace.names(TaskSpec)
    name = next(each for each in _numbered(stem) if each not in taken)
    type_, splits = _type(path)
    return TaskSpec(
        name=name,
        type=type_,
        path=str(path),
        outside_data_root=True,
        splits=splits,
        description=f"Data of {path.name}.",
    )


def _type(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the type of task and the splits of a file or folder.

    Raises:
        DataError: It has none of the layouts.
    """
    if path.is_file():
        if not table_files.ending(path):
            raise DataError(
                f"{path}: expected a table of pairs: .csv, .tsv, .parquet, .json or .jsonl, also as .gz or .zst."
            )
        return "pairs_retrieval", ("test",)
    judged = [file.stem for file in reading.files_in(path / "qrels") if file.suffix == ".tsv"]
    if judged:
        return "retrieval", ("test",) if "test" in judged else tuple(judged)
    names = {file.stem for file in reading.files_in(path)}
    if "syndrome_knowledge" in names and "test" in names:
        return "syndrome_retrieval", ("test",)
    raise DataError(
        f"{path}: expected a BEIR folder (corpus, queries, qrels/test.tsv) or a TCM-SD folder (syndrome_knowledge, "
        "test). Give a file of pairs, or declare the task in TOML: docs/data.md."
    )


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
