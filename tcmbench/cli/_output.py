"""Printing of text that a terminal or a CI system must not interpret as commands."""

from __future__ import annotations

import typer

from tcmbench.terminal import printable


def say(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text for display.

    A document that must be unchanged, such as a board's CSV or a report's JSON, is printed by `typer.echo`.
    """
    typer.echo(printable(str(text)), err=err, nl=nl)
