"""Printing: text for people, which a terminal or a CI system must not obey."""

from __future__ import annotations

import typer

from tcmbench.terminal import printable


def say(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text for people.

    A document that goes to a pipe as it is, a board's CSV or a report's JSON, is printed by `typer.echo`.
    """
    typer.echo(printable(str(text)), err=err, nl=nl)
