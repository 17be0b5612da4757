"""`tcmbench history SET`: the results of a set over time, and what changed them."""

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
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Row that is shown; best: the one with the highest mean, at each state.",
        ),
    ] = "best",
    last: Annotated[int, typer.Option("--last", min=1, metavar="N", help="States that are shown.")] = 20,
    page: Annotated[bool, typer.Option("--page", help="Write a page, leaderboards/SET/history.html.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="PATH", help="Write the page to this file instead.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: DataOption = None,
) -> None:
    """Show the scores of a set over time, and what changed them.

    Each `tcmbench run SET` appends its results to leaderboards/SET/history.jsonl. Items are compared where the store
    still holds them. Nothing is measured.
    """
    from tcmbench.cli.progress import waiting
    from tcmbench.history import texts, view
    from tcmbench.runs.selection import own_set

    place = workspace(data)
    name = name or own_set(place)
    with waiting(f"comparing the states of {name}"):
        history = view.of_set(place, name, row=model, last=last)
    if page or output is not None:
        from tcmbench.boards.history_page import FILE, to_html
        from tcmbench.store import write_text

        target = output or place.leaderboards / name / FILE
        write_text(target, to_html(history))
        say(f"history: {target}")
    elif json:
        typer.echo(texts.as_json(history), nl=False)
    else:
        say(texts.as_text(history), nl=False)
