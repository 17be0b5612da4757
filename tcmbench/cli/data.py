"""`tcmbench data`: validate, convert, generate and build data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli import group
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, SetOption, workspace
from tcmbench.cli.recipe import DropLeaksOption, SuiteOption

app = group("Validate, convert, generate and build data.")


@app.command()
def validate(
    what: Annotated[str, typer.Argument(metavar="DATA", help="A file or folder of a task, or the name of a task.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, without texts.")] = False,
    kind: Annotated[
        str, typer.Option("--type", help="Type of task, where the layout fits several: `tcmbench list task-types`.")
    ] = "",
    data: DataOption = None,
) -> None:
    """Show the data of a task as it is measured, and its problems.

    Prints counts and the first three rows, for a TCM-SD folder copies and labels as well. Exits with 2 if the data
    can't be used.
    """
    from tcmbench.cli._data_report import show

    show(workspace(data), what, kind=kind, as_json=as_json)


@app.command()
def build(
    name: Annotated[str, typer.Argument(metavar="VARIANT", help="Name of a variant.")],
    set_name: SetOption = "",
    suite: SuiteOption = "",
    drop_leaks: DropLeaksOption = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Seed; default: the variant's first one.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Build the training set of a variant and print its statistics.

    With --set it is the training set of that set: leaks into the set's tasks are detected, and dropped where the
    variant is configured so. With --suite, leaks into that suite's tasks.
    """
    from tcmbench.cli.recipe import recipe_and_leaks
    from tcmbench.tuning import tune

    place = workspace(data)
    recipe = recipe_and_leaks(place, name, set_name=set_name, suite=suite, drop_leaks=drop_leaks)
    built = tune.training_set(place, recipe, seed=recipe.variant.seeds[0] if seed is None else seed)
    say(built.statistics.model_dump_json(indent=2))
    say(built.train)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="File or folder to read.")],
    target: Annotated[Path, typer.Argument(help="File or folder to write.")],
    source_format: Annotated[str, typer.Option("--from", help="Format of the source.")],
    target_format: Annotated[str, typer.Option("--to", help="Format of the target.")],
    split: Annotated[str | None, typer.Option(help="Split to convert, where there are several.")] = None,
) -> None:
    """Convert training and retrieval data between formats.

    `tcmbench list formats` lists them.
    """
    from tcmbench.data.convert import convert as convert_file

    summary = convert_file(source, target, source_format=source_format, target_format=target_format, split=split)
    say(f"{target}: {summary}")


@app.command()
def synth(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    records: Annotated[int, typer.Option(min=10, help="Clinical records, all splits together.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal files.")] = 0,
    general: Annotated[bool, typer.Option(help="Write a data root with general tasks and the TCM-SD folder.")] = False,
) -> None:
    """Write synthetic data in the shape of TCM-SD.

    The data is for tests and demos and has no medical meaning. Only files that this command wrote are replaced.
    """
    from tcmbench.data import synthetic, synthetic_target

    if general:
        synthetic_target.require_own_root(folder)
        with synthetic_target.placed(folder) as part:
            synthetic.write_data_root(part, records=records, seed=seed)
    else:
        synthetic_target.require_own(folder)
        with synthetic_target.placed(folder) as part:
            synthetic.write_tcm_sd(part, records=records, seed=seed)
    say(f"{folder}: synthetic data, {records:,} records, seed {seed}")
