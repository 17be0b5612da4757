"""`tcmbench data`: get, validate, convert, split, generate and build data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tcmbench.cli import _generation, group
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, SetOption, workspace
from tcmbench.cli.recipe import DropLeaksOption, SuiteOption

if TYPE_CHECKING:
    from tcmbench.specs.data_set import DataSet
    from tcmbench.workspace import Workspace

app = group("Get, validate, convert, split, generate and build data.")


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="Data set; without one, all are listed.")] = "",
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to the licence without a question.")
    ] = False,
    file: Annotated[
        list[Path] | None, typer.Option("--file", help="Local file in place of a download; one per file of the set.")
    ] = None,
    mirror: Annotated[
        str,
        typer.Option(envvar="TCMBENCH_MIRROR", help="Address in place of the source's scheme and host.", metavar="URL"),
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="Fetch data again that is there.")] = False,
    data: DataOption = None,
) -> None:
    """Fetch a public data set into the data root.

    The licence is shown and agreed to once. Downloads are resumed, checked and converted; nothing else is replaced.
    """
    from tcmbench.data.public import get as public
    from tcmbench.errors import SpecError
    from tcmbench.specs.data_set import DataSet, checked_url

    place = workspace(data)
    if not name:
        for each, data_set in place.specs(DataSet):
            if isinstance(data_set, DataSet):
                _show_data_set(data_set, state=public.state(place, data_set))
            else:
                say(f"{each}  broken: {data_set}")
        return
    try:
        mirror = mirror and checked_url(mirror)
    except ValueError as error:
        raise SpecError(f"--mirror: {error}.") from error
    data_set = place.spec(DataSet, name)
    if not public.accepted(place, data_set):
        public.obtainable(place, data_set, local=file or (), again=again)
        _agree(place, data_set, is_accepted=accept_licence)
    target = public.get(place, data_set, local=file or (), mirror=mirror, again=again)
    say(f"{target}: {data_set.name}")


def _agree(place: Workspace, data_set: DataSet, *, is_accepted: bool) -> None:
    """Show a licence, and ask for agreement where a person can answer.

    Raises:
        DataError: The licence isn't agreed to.
    """
    import sys

    from tcmbench.data.public import get as public
    from tcmbench.errors import DataError

    say(f"{data_set.name}: {data_set.description}\nSource:  {data_set.homepage}\nLicence: {data_set.terms}")
    if not is_accepted:
        if not sys.stdin.isatty():
            raise DataError(f"{data_set.name}: the licence needs agreement. If you agree, add --accept-licence.")
        if not typer.confirm("Do you agree to this licence?"):
            raise DataError(f"{data_set.name}: nothing was fetched, as its licence was not agreed to.")
    public.accept(place, data_set)


def _show_data_set(data_set: DataSet, *, state: str) -> None:
    largest = sum(each.largest for each in data_set.files)
    how = "by hand" if data_set.manual else f"at most {largest / 1e6:.0f} MB"
    say(f"{data_set.name:<14} {state:<12} {how:<14} {data_set.path}")
    say(f"{'':<14} {data_set.description}\n{'':<14} {data_set.homepage}; licence: {data_set.terms}")
    if data_set.manual and state == "absent":
        say(f"{'':<14} {data_set.manual}")


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
def split(
    source: Annotated[Path, typer.Argument(help="File of rows, BEIR folder or TCM-SD folder.")],
    target: Annotated[Path, typer.Argument(help="New or empty folder.")],
    shares: Annotated[str, typer.Option(help="Shares of train, dev and test; 0 for none.")] = "60/20/20",
    by: Annotated[Literal["query", "group"], typer.Option(help="What stays together.")] = "query",
    seed: Annotated[int, typer.Option(help="Another seed gives other splits.")] = 0,
    group_column: Annotated[str, typer.Option(help="Column of groups, with --by group; default: the patient.")] = "",
    query_column: Annotated[str, typer.Option(help="Column of queries in a file, where it isn't a common one.")] = "",
    splits: Annotated[
        list[str] | None, typer.Option("--split", help="Split of a folder to split again; several are put together.")
    ] = None,
) -> None:
    """Split data into train, dev and test, with all rows of a query or of a group in one of them."""
    from tcmbench.data.splitting.sources import SplitColumns
    from tcmbench.data.splitting.split import shares_of
    from tcmbench.data.splitting.split import split as split_data
    from tcmbench.errors import SpecError

    if group_column and by != "group":
        raise SpecError(f"--group-column {group_column}: expected with --by group only. Add it, or leave this out.")
    named = SplitColumns(by=by, query=query_column, group=group_column)
    done = split_data(source, target, shares=shares_of(shares), named=named, seed=seed, splits=splits or ())
    say("\n".join([f"{target}: by {by}, seed {seed}", *done.lines()]))


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
    from tcmbench.store import placed

    if general:
        synthetic_target.require_own_root(folder)
        with placed(folder) as part:
            synthetic.write_data_root(part, records=records, seed=seed)
    else:
        synthetic_target.require_own(folder)
        with placed(folder) as part:
            synthetic.write_tcm_sd(part, records=records, seed=seed)
    say(f"{folder}: synthetic data, {records:,} records, seed {seed}")


app.command()(_generation.queries)
app.command()(_generation.views)
