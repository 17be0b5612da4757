"""A task as a user names it: a declared task, or the data of one, whose type follows from its layout."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench import tasks
from tcmbench.data import reading, table_files, tables
from tcmbench.data.formats import beir
from tcmbench.data.lines import Row
from tcmbench.data.tcm_sd_files import KNOWLEDGE, find_splits
from tcmbench.errors import DataAbsent, DataError, SpecError
from tcmbench.specs import toml
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.specs.task import TaskSpec
from tcmbench.workspace import bundled_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tcmbench.workspace import Workspace


class ReadAs(NamedTuple):
    """How a user reads data without a declaration."""

    type: str = ""
    """Type of the task; empty recognises it."""

    columns: Mapping[str, str] = {}
    """Column → its name in the files, where it isn't a common one."""


RECOGNISED = ReadAs()
"""By its layout, with common names of columns."""


def suite_of(workspace: Workspace, names: Iterable[str], *, read_as: ReadAs = RECOGNISED) -> tuple[Workspace, Suite]:
    """Return a suite of the tasks that are named, and the workspace that knows them.

    Args:
        workspace: Where declared tasks are.
        names: Names of tasks, of ours or mteb's, or paths of data.
        read_as: How data is read that is named by its path.

    Raises:
        DataAbsent: A path where there is nothing.
        DataError: A file or folder that no task can be made of.
        SpecError: A type or columns for a task that is declared already, or that its type doesn't have.
    """
    columns: list[SuiteTask] = []
    for name in names:
        is_declared = workspace.has_task(name)
        if read_as != RECOGNISED and (is_declared or not Path(name).expanduser().exists()):
            raise SpecError(f"--type and --columns: expected the path of a file or folder, got the task {name!r}.")
        if is_declared:
            spec = workspace.spec(TaskSpec, name)
            columns += [SuiteTask(task=name, role="in_domain", split=split) for split in spec.splits]
            continue
        path = Path(name).expanduser()
        if not path.exists():
            if os.sep in name or table_files.ending(path):
                raise DataAbsent(path, what="The data of a task", how="Correct the path.")
            columns += _foreign_columns(workspace, name)
            continue
        workspace, spec = with_data(workspace, path, read_as=read_as)
        columns += [SuiteTask(task=spec.name, role="in_domain", split=split) for split in spec.splits]
    return workspace, Suite(
        name="given", description="Tasks that were named on the command line.", tasks=tuple(columns)
    )


def _foreign_columns(workspace: Workspace, name: str) -> Iterator[SuiteTask]:
    """Yield a column per split and subset that mteb evaluates of one of its tasks."""
    task_class = tasks.resolve(workspace, name).task_class
    if task_class is not None:
        for split in task_class.metadata.eval_splits:
            for subset in task_class.metadata.hf_subsets:
                yield SuiteTask(task=name, role="in_domain", split=split, subset=subset)


def limited(workspace: Workspace, suite: Suite, limit: int) -> tuple[Workspace, Suite]:
    """Return a quick look at a suite, a suite of another name, and the workspace that knows it.

    Raises:
        SpecError: A limit below 1.
    """
    if limit < 1:
        raise SpecError(f"limit: expected at least 1 query, pair or text per task, got {limit}.")
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


def with_data(workspace: Workspace, path: Path, *, read_as: ReadAs = RECOGNISED) -> tuple[Workspace, TaskSpec]:
    """Return a task of the data at a path, and the workspace that knows it.

    Args:
        workspace: Where declared tasks are.
        path: A file or folder.
        read_as: Its type and the names of its columns.

    Raises:
        DataError: A file or folder that no task can be made of.
    """
    path = path.resolve()
    stem = re.sub(r"[^\w-]", "-", path.name.partition(".")[0]) or "data"
    taken = workspace.names(TaskSpec)
    spec = TaskSpec(
        name=next(each for each in _numbered(stem) if each not in taken),
        type=read_as.type or _type(path, read_as.columns),
        options={"columns": dict(read_as.columns)} if read_as.columns else {},
        path=str(path),
        outside_data_root=True,
        splits=_splits(path),
        description=f"Data of {path.name}.",
    )
    return replace(workspace, given=(*workspace.given, spec)), spec


def _type(path: Path, mapped: Mapping[str, str]) -> str:
    """Return the type of task of a file or folder, some of whose columns have names of their own.

    Raises:
        DataError: It has none of the layouts.
    """
    if path.is_file():
        return _type_of_file(path, mapped)
    if beir.splits_of(path):
        return "retrieval"
    names = {table_files.stem(file) for file in reading.files_in(path)}
    if KNOWLEDGE in names and find_splits(path):
        return "syndrome_retrieval"
    if {"train", "test"} <= names and {"text", "label"} <= _columns(table_files.find(path, "test"), mapped):
        return "classification"
    raise DataError(
        f"{path}: expected a BEIR folder (corpus, queries, qrels/test), a TCM-SD folder ({KNOWLEDGE}, test) or one for "
        "classification (train and test of text and label). Give a file of pairs, or declare the task in TOML: "
        "docs/data.md."
    )


def _type_of_file(path: Path, mapped: Mapping[str, str]) -> str:
    if not table_files.ending(path):
        endings = ", ".join(table_files.ENDINGS)
        raise DataError(f"{path}: expected a table that ends in {endings}, or in one of these and .gz or .zst.")
    columns = _columns(path, mapped)
    if {"sentence1", "sentence2", "score"} <= columns:
        return "sts"
    is_of_pairs = any(name in columns for name in tables.COLUMNS["query"])
    return "clustering" if {"text", "label"} <= columns and not is_of_pairs else "pairs_retrieval"


def _columns(path: Path, mapped: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the columns of a file's first row that can be read, with those that the user gives them."""
    first = next((frozenset(row.value) for row in table_files.read_rows(path) if isinstance(row, Row)), frozenset())
    return first | {name for name, in_file in mapped.items() if in_file in first}


def _splits(path: Path) -> tuple[str, ...]:
    """Return the splits to measure: test, else all that there are."""
    known = (beir.splits_of(path) or find_splits(path)) if path.is_dir() else ()
    return ("test",) if "test" in known or not known else tuple(known)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
