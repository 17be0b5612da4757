"""`tcmbench power SET`: what a suite can see, from stored scores, without measuring."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


class PowerFormat(StrEnum):
    """Output format."""

    text = "text"
    markdown = "markdown"
    json = "json"


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="Name of a model set; default: the only one of the workspace.")
    ] = "",
    margin: Annotated[
        list[float] | None,
        typer.Option(
            metavar="POINTS",
            help="Loss to which the numbers of items and seeds are given; may be repeated. Default: 0.25, 0.5, 1, 2 "
            "and the policy's margin.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Policy in TOML; default: the set's own.", show_default=False)
    ] = None,
    output: Annotated[PowerFormat, typer.Option("--format", help="Output format.")] = PowerFormat.text,
    data: DataOption = None,
) -> None:
    """Show what a suite can see.

    The smallest loss that is significant with a chance of 80%, per task and for the means (BWT), and how many items or
    seeds a smaller one needs. It follows from the spread of the differences between the set's variants and its
    reference, so some must have been measured: `tcmbench run SET`.
    """
    from tcmbench.checks import power
    from tcmbench.cli.progress import waiting
    from tcmbench.errors import SpecError
    from tcmbench.runs.selection import own_set

    small = [one for one in margin or () if not one > 0]
    if small:
        raise SpecError(f"--margin: expected points above 0, got {small[0]:g}.")
    place = workspace(data)
    name = name or own_set(place)
    with waiting(f"resampling {name}"):
        report = power.power(place, name, margins=tuple(margin or ()), policy=policy)
    if output is PowerFormat.json:
        typer.echo(power.as_json(report), nl=False)
    else:
        say(power.as_markdown(report) if output is PowerFormat.markdown else power.as_text(report), nl=False)
