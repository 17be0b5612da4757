"""`tcmbench compare A B`: differences between two models, task by task and query by query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace


def command(
    before: Annotated[str, typer.Argument(metavar="A", help="Model to start from.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Model that is compared with it.")],
    task: Annotated[
        list[str] | None, typer.Option(help="Only this column, query by query; may be repeated.", show_default=False)
    ] = None,
    set_name: Annotated[
        str | None, typer.Option("--set", help="Set of both; default: the one with both.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Queries and syndromes shown in each direction.")] = 10,
    show_text: Annotated[bool, typer.Option("--show-text", help="Also print the queries' texts.")] = False,
    json: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write everything as JSON; - for stdout.", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Compare two models query by query, from stored scores.

    Prints differences with intervals, flipped queries, and syndromes that gained and lost. A and B are a base, a
    variant (all its seeds), one seed (variant/seed0), or FILE:model, a model's row in a baseline.json. Differences are
    B minus A, in points (0-100).
    """
    from tcmbench.checks import compare_texts, sides
    from tcmbench.cli.progress import waiting
    from tcmbench.comparison import pairs
    from tcmbench.errors import ScoreMissing, UnknownName
    from tcmbench.store import write_text

    place = workspace(data)
    pair = sides.read(place, before, after, set_name=set_name)
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
        texts = compare_texts.query_texts(pair, comparison, limit=limit) if show_text else {}
        say(compare_texts.as_text(pair, comparison, limit=limit, in_detail=bool(task), texts=texts), nl=False)
    lost = [name for name in comparison.skipped if name in pair.before.missing | pair.after.missing]
    if lost:
        raise ScoreMissing(f"not compared: {', '.join(lost)}. Run: tcmbench run {pair.model_set.name}")
