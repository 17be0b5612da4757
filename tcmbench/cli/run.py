"""`tcmbench run SET`: the main job."""

from __future__ import annotations

from typing import Annotated

import typer

from tcmbench.cli.place import DataOption, workspace


def command(
    name: Annotated[str, typer.Argument(metavar="SET", help="Name of a model set.")],
    data: DataOption = None,
) -> None:
    """Train and evaluate what is missing from a set and write its leaderboard."""
    from tcmbench import tasks
    from tcmbench.boards import publish
    from tcmbench.cli.progress import Progress
    from tcmbench.cli.report import report
    from tcmbench.runs import run_set
    from tcmbench.specs.model_set import ModelSet

    place = workspace(data)
    model_set = place.spec(ModelSet, name)
    planned = tasks.plan_suite(place, run_set.suite_of(place, model_set))
    with Progress(total=run_set.pending(place, model_set, planned)) as progress:
        entries = run_set.measure(place, model_set, planned, watcher=progress)
    report(publish.write_board(place, model_set, planned, entries))
