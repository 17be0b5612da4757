"""`tcmbench compare A B`: differences between two models, task by task and query by query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._names import BaseOption, separated
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from tcmbench.checks.two_models import Where
    from tcmbench.comparison.pairs import ComparedPair
    from tcmbench.workspace import Workspace


def command(
    before: Annotated[
        str, typer.Argument(metavar="A", help="Model to start from. Alone, it is compared with its base.")
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="Model that is compared with it.")] = "",
    task: Annotated[
        list[str] | None, typer.Option(help="Only this column, query by query; may be repeated.", show_default=False)
    ] = None,
    set_name: Annotated[
        str | None, typer.Option("--set", help="Set of both; default: the one with both.", show_default=False)
    ] = None,
    suite: Annotated[str, typer.Option("--suite", help="Measure both on this suite, where they aren't of a set.")] = "",
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--tasks",
            metavar="TASK",
            help="Measure both on these: tasks, files of pairs, BEIR or TCM-SD folders; may be repeated.",
            show_default=False,
        ),
    ] = None,
    base: BaseOption = "",
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="Queries and syndromes shown in each direction.")] = 10,
    show_text: Annotated[bool, typer.Option("--show-text", help="Also print the queries' texts.")] = False,
    json: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write everything as JSON; - for stdout.", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Compare two models query by query.

    Prints differences with intervals, flipped queries, and syndromes that gained and lost. A and B are models of a set,
    whose stored scores are read: a base, a variant (all its seeds), one seed (variant/seed0), or FILE:model, a model's
    row in a baseline.json. Or they are any models (folders, adapters, models of the hub, URLs), which are measured on
    --tasks, --suite or the suite of the workspace. Differences are B minus A, in points (0-100).
    """
    from tcmbench.checks import compare_texts
    from tcmbench.checks.two_models import Where
    from tcmbench.cli.progress import waiting
    from tcmbench.comparison import pairs
    from tcmbench.errors import ScoreMissing, UnknownName
    from tcmbench.store import write_text

    where = Where(set_name or "", suite, tuple(separated(tasks)), base)
    pair = _pair(workspace(data), before if after else "", after or before, where)
    known = [column.column for column in pair.columns]
    for name in task or ():
        if name not in known:
            raise UnknownName.of("column", name, known, where=f"suite {pair.planned.suite.name}")
    with waiting(f"resampling {len(task or known)} tasks"):
        comparison = pairs.compare(pair, only=task or None)
    if json is not None:
        rendered = compare_texts.as_json(pair, comparison)
        if json == Path("-"):
            typer.echo(rendered, nl=False)
        else:
            write_text(json, rendered)
    if json != Path("-"):
        texts = compare_texts.query_texts(pair, comparison, limit=rows) if show_text else {}
        say(compare_texts.as_text(pair, comparison, limit=rows, in_detail=bool(task), texts=texts), nl=False)
    lost = [name for name in comparison.skipped if name in pair.before.missing | pair.after.missing]
    if lost:
        raise ScoreMissing(f"not compared: {', '.join(lost)}. Run: tcmbench run {pair.model_set.name}")


def _pair(place: Workspace, before: str, after: str, where: Where) -> ComparedPair:
    """Return both sides: of a set from stored scores, else measured where they have none."""
    from tcmbench.checks import sides, two_models
    from tcmbench.cli.progress import Progress

    pair = two_models.compared(place, before, after, where)
    if pair is None:
        return sides.read(place, before, after, set_name=where.set_name or None)
    with Progress(total=pair.missing) as progress:
        pair.measure(emit=progress.show)
    return pair.sides()
