"""`tcmbench eval MODEL --suite S`: one model, all columns, a table on the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


def command(
    model: Annotated[
        str, typer.Argument(help="A base, a folder, an adapter, a checkpoint of ms-swift, or a model of the hub.")
    ],
    suite: Annotated[str, typer.Option("--suite", help="Name of a suite; default: the one of the workspace.")] = "",
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            help="Instead of a suite: a task, a file of pairs, a BEIR or TCM-SD folder; may be repeated.",
            show_default=False,
        ),
    ] = None,
    base: Annotated[
        str,
        typer.Option("--base", metavar="MODEL", help="Base of an adapter or checkpoint that doesn't name one."),
    ] = "",
    data: DataOption = None,
) -> None:
    """Evaluate one model on a suite.

    Prints its scores, in points (0-100).
    """
    from tcmbench import models, tasks
    from tcmbench.cli.progress import Progress
    from tcmbench.errors import ScoreMissing, SpecError
    from tcmbench.evaluation import run
    from tcmbench.models.given import register
    from tcmbench.specs.suite import Suite
    from tcmbench.tasks.given import own_suite, suite_of

    place = workspace(data)
    if task and suite:
        raise SpecError("--suite and --task: use only one of them.")
    place, measured = suite_of(place, task) if task else (place, place.spec(Suite, suite or own_suite(place)))
    planned = tasks.plan_suite(place, measured)
    place, called = register(place, [model], tuned_from=base or None)
    resolved = models.base_model(place, called[model], download=True)
    missing = run.missing(place, resolved, planned)
    with Progress(total=len(missing)) as progress:
        run.measure(place, resolved, missing, planned, emit=progress.show)
    cells = run.read(place, resolved, planned)
    width = max(len(column.column) for column in planned.suite.tasks)
    lost = []
    given: set[object] = set()
    for column in planned.suite.tasks:
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
        raise ScoreMissing(f"{len(lost)} of {len(planned.suite.tasks)} columns have no score: {', '.join(lost)}")
