"""`tcmbench search SPACE`: find the recipe with the largest gain among those that pass the gate, and confirm it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli import _executor
from tcmbench.cli._executor import AddressOption, ExecutorOption
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


def command(
    space: Annotated[
        str, typer.Argument(metavar="SPACE", help="Name of a file under models/spaces/, or the path of one.")
    ],
    trials: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Recipes to try in all; default: the space's.", show_default=False),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, metavar="N", help="Parallel jobs: N recipes are chosen at a time.")
    ] = 1,
    executor: ExecutorOption = "local",
    address: AddressOption = "",
    write: Annotated[
        bool, typer.Option("--write", help="Write a confirmed recipe to models/variants/ of the workspace.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder of the board, instead of leaderboards/search-SPACE.", show_default=False),
    ] = None,
    public: Annotated[
        bool,
        typer.Option("--public", help="For publication: aggregates only, without ids, labels and texts of the data."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Find the recipe with the largest gain that passes the gate.

    Recipes of a space are trained and measured. One half of the items of every task selects the best of those that pass
    the gate, the other half confirms it. The same command continues an interrupted search; with more trials, one that
    has ended.
    Exits with 0: confirmed; 1: no recipe passes, or the selected one isn't confirmed; 2: an error or a missing score.
    """
    from functools import partial

    from tcmbench.cli.progress import Progress
    from tcmbench.searches import publish, report
    from tcmbench.searches.search import search
    from tcmbench.searches.spaces import named, scores

    performing = _executor.chosen(executor, jobs=jobs, address=address)
    execute = partial(performing.module.run, options=performing.options)
    place, chosen = named(workspace(data), space, trials=trials)
    with Progress(total=scores(place, chosen)) as progress:
        found = search(place, chosen, execute=execute, emit=progress.show, together=jobs)
    written = publish.write(found, public=public, target=output)
    say(report.to_text(found.outcome), nl=False)
    say(f"leaderboard: {written.board}")
    if written.recipe is not None:
        say(f"recipe: {written.recipe}")
    if write and found.outcome.outcome == "confirmed":
        for path in publish.write_recipe(found):
            say(f"{path}: for `{path.parent.name}` of a set")
    raise typer.Exit(found.outcome.exit_code)
