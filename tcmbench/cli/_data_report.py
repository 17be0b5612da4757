"""The report of `tcmbench data validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tcmbench import tasks
from tcmbench.cli._output import say
from tcmbench.data import location, table_files
from tcmbench.data.tcm_sd_files import KNOWLEDGE, find_splits
from tcmbench.errors import DataAbsent, DataError, SpecError
from tcmbench.specs.task import TaskSpec
from tcmbench.tasks.given import ReadAs, with_data

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


def show(place: Workspace, what: str, *, kind: str, as_json: bool) -> None:
    """Print what a file, folder or task holds.

    Raises:
        DataAbsent: There is no such path, and no task of this name.
        DataError: It can't be used.
        SpecError: A type for a task that has one.
    """
    path = Path(what).expanduser()
    name = what
    if is_task := place.has_task(what):
        declared = place.spec(TaskSpec, what)
        if kind:
            raise SpecError(f"--type: task {what} has its type, {declared.type}. Leave it out.")
        path = location.locate(place, declared.path)
    elif not path.exists():
        known = ", ".join(place.names(TaskSpec))
        raise DataAbsent(path, what="The data", how=f"Correct the path, or name a task: {known}.")
    elif not _is_tcm_sd(path) or find_splits(path):
        place, spec = with_data(place, path, read_as=ReadAs(kind))
        name = spec.name
    if _is_tcm_sd(path):
        _show_tcm_sd(path, as_json=as_json)
        if is_task:
            tasks.resolve(place, name)
        if as_json or not (is_task or find_splits(path)):
            return
    _show_task(place, name, as_json=as_json)


def _is_tcm_sd(path: Path) -> bool:
    return path.is_dir() and table_files.find(path, KNOWLEDGE).exists()


def _show_task(place: Workspace, name: str, *, as_json: bool) -> None:
    from tcmbench.tasks.overview import overview

    shown = overview(place, name)
    if as_json:
        typer.echo(json.dumps(shown.to_json(), ensure_ascii=False, indent=2))
        return
    for line in shown.lines():
        say(line)


def _show_tcm_sd(folder: Path, *, as_json: bool) -> None:
    from tcmbench.data import validate

    report = validate.validate(folder)
    if as_json:
        typer.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
    else:
        from rich.console import Console

        from tcmbench.data.validate_view import render

        Console(highlight=False).print(*render(report), sep="\n")
    if not report.is_usable:
        missing = len(report.labels.not_in_knowledge)
        raise DataError(
            f"{folder}: {missing} gold syndromes are not in the knowledge base (see above), so records can't "
            "be scored. Add the entries, or a label_map.txt that renames the labels."
        )
