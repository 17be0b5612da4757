"""`tcmbench run SET`: train and measure a model set, and write its leaderboard."""

from __future__ import annotations

from typing import Annotated

import typer

from tcmbench.cli._executor import AddressOption, ExecutorOption, chosen, is_parallel
from tcmbench.cli._names import BaseOption, LimitOption, separated
from tcmbench.cli.place import DataOption, workspace


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="Name of a model set; default: the only one of the workspace.")
    ] = "",
    models: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Only these models and variants; any model, also one that the set doesn't list; may be repeated.",
            show_default=False,
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            "--task",
            metavar="TASK",
            help="Only these tasks of the set's suite; may be repeated.",
            show_default=False,
        ),
    ] = None,
    limit: LimitOption = None,
    base: BaseOption = "",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            metavar="N",
            help="Parallel jobs: train or measure N models at a time; default: 1, on a cluster as many as have room.",
            show_default=False,
        ),
    ] = None,
    executor: ExecutorOption = "local",
    address: AddressOption = "",
    data: DataOption = None,
) -> None:
    """Train and evaluate the missing models of a set and write its leaderboard.

    With --models or --tasks, only a part is measured; the board shows the whole set. Boards of a quick look (--limit),
    and those with models that the set doesn't list, are written to reports/generated.
    """
    from functools import partial

    from tcmbench.boards import whole_run
    from tcmbench.cli.progress import Progress
    from tcmbench.cli.report import report
    from tcmbench.runs.jobs import plan
    from tcmbench.runs.selection import select

    performing = chosen(executor, jobs=jobs, address=address)
    selection = select(
        workspace(data), name, models=separated(models), columns=separated(tasks), limit=limit, base=base
    )
    missing = plan(
        selection.workspace,
        selection.model_set,
        selection.planned,
        part=selection.part,
        in_parallel=is_parallel(performing),
    )
    execute = partial(performing.module.run, options=performing.options)
    with Progress(total=missing.scores) as progress:
        result = whole_run.run(selection, missing, execute=execute, emit=progress.show)
    report(result)
