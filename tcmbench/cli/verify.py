"""`tcmbench verify URL --model NAME`: whether a server gives what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._names import LimitOption, TasksOption, separated
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


def command(
    served: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="Address up to /embeddings or /rerank, URL#MODEL where it has several; or a base.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="What it should serve: a base, variant/seed0, a folder or a model of the hub.",
        ),
    ],
    suite: Annotated[str, typer.Option("--suite", help="Suite of the items; default: that of the workspace.")] = "",
    task: TasksOption = None,
    limit: LimitOption = None,
    within: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Judge by scores alone: pass where the whole interval of every task is within this.",
            show_default=False,
        ),
    ] = None,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", metavar="NAME", help="Environment variable with the key of the server.")
    ] = "",
    json: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write everything as JSON; - for stdout.", show_default=False)
    ] = None,
    data: DataOption = None,
) -> None:
    """Verify that a server serves what was measured.

    Its canaries, the vectors of all texts and the items of every task are compared with those of the model, whose
    missing scores are measured. Says what a difference looks like: another model, texts cut at another length, half
    precision, stripped white space. Everything is asked for anew.
    Exits with 0: the same; 1: different; 2: an error, or not every task could be compared.
    """
    from tcmbench.checks import verify, verify_texts
    from tcmbench.cli.progress import Progress
    from tcmbench.store import write_text

    question = verify.Question(served, model, suite, tuple(separated(task)), limit, within, api_key_env)
    prepared = verify.prepare(workspace(data), question)
    with Progress(total=prepared.total) as progress:
        found = prepared.verify(emit=progress.show)
    if json == Path("-"):
        typer.echo(verify_texts.as_json(found), nl=False)
    else:
        if json is not None:
            write_text(json, verify_texts.as_json(found))
        say(verify_texts.as_text(found), nl=False)
    raise typer.Exit(found.exit_code)
