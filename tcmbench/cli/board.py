"""`tcmbench board SET`: the leaderboard again, from stored scores."""

from __future__ import annotations

from typing import Annotated

import typer

from tcmbench.cli.place import DataOption, workspace


def command(
    name: Annotated[str, typer.Argument(metavar="SET", help="Name of a model set.")],
    data: DataOption = None,
) -> None:
    """Write the leaderboard of a set from stored scores; nothing is measured."""
    from tcmbench.cli.report import report
    from tcmbench.evaluation import run, run_set
    from tcmbench.specs.model_set import ModelSet

    place = workspace(data)
    model_set = place.spec(ModelSet, name)
    planned = run.plan(place, run_set.suite_of(place, model_set))
    report(run_set.write_board(place, model_set, planned, run_set.gather(place, model_set, planned)))
