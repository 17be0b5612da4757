"""`tcmbench cost SET`: what the models of a set cost to run, measured side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from tcmbench.evaluation.serving import ServingFigures


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="Name of a model set; default: the only one of the workspace.")
    ] = "",
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Turns of each model; figures are medians.")] = 3,
    queries: Annotated[int, typer.Option(min=1, help="Queries that are timed, one at a time.")] = 200,
    documents: Annotated[int, typer.Option(min=1, help="Documents that are encoded and searched.")] = 2_000,
    data: DataOption = None,
) -> None:
    """Measure what the models of a set cost to run.

    Tokens per second, milliseconds per query, bytes per document, size of the index, memory and parameters, on the
    texts of the suite's first task with documents. The models take turns, each in a process of its own; nothing else
    should run meanwhile. The board shows the figures: `tcmbench board SET`. Models have to be trained and made first:
    `tcmbench run SET`.
    """
    from tcmbench import tasks
    from tcmbench.runs import serving
    from tcmbench.runs.selection import own_set
    from tcmbench.specs.model_set import ModelSet

    place = workspace(data)
    model_set = place.spec(ModelSet, name or own_set(place))
    planned = tasks.plan_set(place, model_set)

    def show(model: str, figures: ServingFigures) -> None:
        say(f"{model}: {figures.query_ms:.2f} ms per query, {figures.tokens_per_second:,.0f} tokens per second")

    found = serving.measure(place, model_set, planned, repeats=repeats, most=(queries, documents), report=show)
    width = max(map(len, found))
    say("")
    say(f"{'model':<{width}}  {'ms p50':>8}  {'p95':>8}  {'tokens/s':>11}  {'bytes/doc':>9}  {'index KiB':>9}  MiB")
    for row, one in found.items():
        say(
            f"{row:<{width}}  {one.query_ms:>8.2f}  {one.query_ms_p95:>8.2f}  {one.tokens_per_second:>11,.0f}  "
            f"{one.bytes_per_document:>9,}  {one.index_bytes / 1024:>9,.0f}  {one.peak_memory_mib:,.0f}"
        )
    first = next(iter(found.values()))
    say(f"{first.documents:,} documents of {first.column}, medians of {first.repeats}; {first.hardware}")
