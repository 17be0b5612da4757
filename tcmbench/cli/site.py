"""`tcmbench site`: one page of all boards of a folder, with their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import workspace
from tcmbench.errors import DataError


def command(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder of boards; default: leaderboards/ of the workspace.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="New folder for the page and copies of its boards, to be published.", show_default=False
        ),
    ] = None,
    public: Annotated[
        bool,
        typer.Option("--public", help="Only boards written with --public, and those of generated data; with --output."),
    ] = False,
    title: Annotated[str, typer.Option("--title", help="Heading of the page.", show_default=False)] = "",
) -> None:
    """Write one page of all boards, with their answers, pictures and dates.

    The page is FOLDER/index.html, or DIR/index.html beside copies of the boards. Nothing is measured or computed.
    """
    from tcmbench.sites import publish

    place = workspace()
    site = publish.write(folder or place.leaderboards, workspace=place, target=output, public=public, title=title)
    for board in site.left_out:
        say(f"left out, as it is not for publication: {board.folder} (tcmbench board {board.table.name} --public)")
    say(f"site of {len(site.boards)} boards: {site.page}")
    if site.unread:
        raise DataError(
            "\n".join(["boards that can't be read are named on the page:", *(b.reason for b in site.unread)])
        )
