"""`tcmbench run SET`: train and measure a model set, and write its leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from tcmbench.records.events import Event


def command(
    name: Annotated[str, typer.Argument(metavar="SET", help="Name of a model set.")],
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, metavar="N", help="Parallel jobs: train or measure N models at a time.")
    ] = 1,
    executor: Annotated[
        str, typer.Option("--executor", help="Plug-in that performs the jobs; see `tcmbench list executors`.")
    ] = "local",
    data: DataOption = None,
) -> None:
    """Train and evaluate the missing models of a set and write its leaderboard."""
    from functools import partial

    from tcmbench import plugins, tasks
    from tcmbench.boards import publish
    from tcmbench.boards.live import LiveBoard
    from tcmbench.cli.progress import Progress
    from tcmbench.cli.report import report
    from tcmbench.models.given import in_set
    from tcmbench.runs import gather, run_set
    from tcmbench.runs.jobs import plan
    from tcmbench.specs.model_set import ModelSet

    place = workspace(data)
    performing = plugins.use("executors", executor, {"jobs": jobs}, where="--executor")
    place, model_set = in_set(place, place.spec(ModelSet, name))
    planned = tasks.plan_set(place, model_set)
    missing = plan(place, model_set, planned)
    with Progress(total=missing.scores) as progress:
        board = LiveBoard(place, model_set, planned, missing, note=progress.note)

        def show(event: Event) -> None:
            progress.show(event)
            board.show(event)

        run_set.run(place.store, missing, execute=partial(performing.module.run, options=performing.options), emit=show)
    report(publish.write_board(place, model_set, planned, gather.entries(place, model_set, planned)))
