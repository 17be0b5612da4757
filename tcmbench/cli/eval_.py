"""`tcmbench eval MODEL`: one model on a suite or on single tasks, a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._names import BaseOption, LimitOption, TasksOption, separated
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcmbench.records.cells import Cells
    from tcmbench.specs.suite import Suite


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A base, a folder, an adapter, a checkpoint of ms-swift, a model of the hub, or the URL of a server."
        ),
    ],
    suite: Annotated[
        str, typer.Option("--suite", help="Name of a suite; default: the workspace's, else `local`.")
    ] = "",
    task: TasksOption = None,
    base: BaseOption = "",
    type_: Annotated[
        str,
        typer.Option("--type", help="Type of the data of --tasks: `tcmbench list task-types`; default: by its layout."),
    ] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="COLUMN=NAME",
            help="Column of the data of --tasks with another name in its files: query=问题; may be repeated.",
            show_default=False,
        ),
    ] = None,
    limit: LimitOption = None,
    data: DataOption = None,
) -> None:
    """Evaluate one model on a suite.

    Prints its scores, in points (0-100).
    """
    from tcmbench.cli.progress import Progress
    from tcmbench.evaluation import given
    from tcmbench.tasks.given import ReadAs

    read_as = ReadAs(type_, _mapping(columns or []))
    place, measured = given.suite_for(workspace(data), suite=suite, names=separated(task), limit=limit, read_as=read_as)
    measurement = given.of_name(place, model, measured, base=base)
    if measurement.model.weights_from:
        say(f"weights: {measurement.model.weights_from}", err=True)
    with Progress(total=len(measurement.missing)) as progress:
        cells = measurement.measure(emit=progress.show)
    _report(cells, measured)


def _mapping(pairs: Iterable[str]) -> dict[str, str]:
    """Return column → name of its column in the files.

    Raises:
        SpecError: A pair of another form, or a column that is named twice.
    """
    from tcmbench.errors import SpecError

    mapped: dict[str, str] = {}
    for pair in pairs:
        column, sign, name = pair.partition("=")
        if not (column and sign and name) or column in mapped:
            raise SpecError(f"--columns: expected COLUMN=NAME, each column once, got {pair!r}.")
        mapped[column] = name
    return mapped


def _report(cells: Cells, suite: Suite) -> None:
    """Print a line per column.

    Raises:
        ScoreMissing: A column that the model could be measured on has no score.
    """
    from tcmbench.boards.texts import quick_look
    from tcmbench.errors import ScoreMissing

    if suite.limit is not None:
        say(quick_look(suite.limit))
    width = max(len(column.column) for column in suite.tasks)
    lost = []
    given: set[object] = set()
    for column in suite.tasks:
        name = column.column
        if name in cells.scores:
            record = cells.scores[name].record
            shown = f"{100 * record.value:6.2f}  {record.metric}, {record.items} items"
        else:
            state = cells.states[name]
            reason = "as above" if state.reason in given else state.reason
            given.add(state.reason)
            shown = f"     —  {state.state.replace('_', ' ')}: {reason}"
            if state.state != "not_applicable":
                lost.append(name)
        say(f"{name:<{width}}  {column.role:<9}  {shown}")
        for note in cells.scores[name].record.notes if name in cells.scores else ():
            say(f"{'':<{width}}  note: {note}")
    if lost:
        have = "column has" if len(suite.tasks) == 1 else "columns have"
        raise ScoreMissing(f"{len(lost)} of {len(suite.tasks)} {have} no score: {', '.join(lost)}")
