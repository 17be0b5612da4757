"""`tcmbench export SET --to FORMAT`: the results of a set for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="Name of a model set; default: the only one of the workspace.")
    ] = "",
    to: Annotated[
        str,
        typer.Option("--to", metavar="FORMAT", help="mteb, csv, parquet, mlflow, wandb, swanlab, tensorboard."),
    ] = "csv",
    output: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Folder; default: reports/generated/SET-FORMAT.", show_default=False),
    ] = None,
    online: Annotated[
        bool,
        typer.Option("--online", help="Send the results to the server that mlflow, wandb or swanlab is set up for."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Write the results of a set for mteb, tables or experiment trackers.

    It reads stored scores. Trackers write into the folder, without a network, unless --online is given.
    """
    from tcmbench.cli.progress import waiting
    from tcmbench.cli.report import require_complete
    from tcmbench.publishing import exports
    from tcmbench.runs import gather
    from tcmbench.runs.selection import own_set

    place = workspace(data)
    name = name or own_set(place)
    exports.load(to)
    with waiting(f"exporting {name}"):
        board = exports.stored_board(place, name)
        written = exports.export(board, to, folder=output, is_online=online)
    for line in written:
        say(line)
    require_complete(gather.missing(board.entries), remedy=f"Measure the missing scores: tcmbench run {name}")
