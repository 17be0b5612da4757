"""`tcmbench board SET`: write the leaderboard from stored scores, as files, as a table for a paper, or live."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace
from tcmbench.errors import SpecError, TcmbenchError

if TYPE_CHECKING:
    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.workspace import Workspace

_RELOAD_SECONDS = 5


class Format(StrEnum):
    """Formats of a board."""

    HTML = "html"
    LATEX = "latex"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    SCHEMA = "schema"


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="Name of a model set; default: the only one of the workspace.")
    ] = "",
    data: DataOption = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Print the board in this format instead; schema: JSON Schema of json.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Folder of the board, instead of leaderboards/SET; with --format the file, instead of stdout.",
            show_default=False,
        ),
    ] = None,
    public: Annotated[
        bool,
        typer.Option("--public", help="For publication: aggregates only, without ids, labels and texts of the data."),
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="COLUMN",
            help="With --format latex: a task whose scores are shown, too, or all; repeatable. Default: roles only.",
            show_default=False,
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Folder for the figures as SVG, PNG and PDF.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Policy in TOML; default: the set's own.", show_default=False),
    ] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Write a page with the texts of items to reports/generated/SET-text.")
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the board on this machine; the page reloads itself.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port for --serve; 0 for any free port.")
    ] = 8765,
) -> None:
    """Write the leaderboard of a set from stored scores.

    Nothing is measured.
    """
    from tcmbench.models.given import in_set
    from tcmbench.runs.selection import own_set
    from tcmbench.specs.model_set import ModelSet

    place = workspace(data)
    place, model_set = in_set(place, place.spec(ModelSet, name or own_set(place)))
    requested = [
        option
        for option, is_set in (
            ("--format", form), ("--figures", figures), ("--show-text", show_text), ("--serve", serve),
        )
        if is_set
    ]  # fmt: skip
    if len(requested) > 1:
        raise SpecError(
            f"{' and '.join(requested)} can't be combined: each has a different output. Run board once for each."
        )
    if output is not None and (figures is not None or show_text or serve):
        raise SpecError("--output is the folder of the board or the file of --format; remove it, or the other option.")
    if columns and form is not Format.LATEX:
        raise SpecError("--columns are the tasks of --format latex: add it, or remove --columns.")
    if public and (show_text or serve):
        raise SpecError("--public leaves out what --show-text and --serve show: remove one of them.")
    if columns:
        _print_latex(place, model_set, columns, output, policy, public=public)
    elif form is not None:
        _print(place, model_set, form, output, policy, public=public)
    elif figures is not None:
        _draw(place, model_set, figures, policy, public=public)
    elif show_text:
        _write_with_texts(place, model_set, policy)
    elif serve:
        _serve(place, model_set, port, policy)
    else:
        _write(place, model_set, output, policy, public=public)


def _write(place: Workspace, model_set: ModelSet, folder: Path | None, policy: Path | None, *, public: bool) -> None:
    from tcmbench.boards import publish
    from tcmbench.cli.report import report

    planned, entries = _gathered(place, model_set)
    result = publish.write_board(place, model_set, planned, entries, policy=policy, public=public, target=folder)
    report(result, remedy=_run(model_set))


def _print(
    place: Workspace, model_set: ModelSet, form: Format, output: Path | None, policy: Path | None, *, public: bool
) -> None:
    from tcmbench.boards import publish
    from tcmbench.boards.files import FILES
    from tcmbench.cli.report import require_complete
    from tcmbench.runs import gather

    if form is Format.SCHEMA:
        from tcmbench.boards.document import schema

        _put(schema(), output)
        return
    planned, entries = _gathered(place, model_set)
    stored = publish.stored_board(place, model_set, planned, entries, policy=policy, public=public) / FILES[form.value]
    _put(stored.read_text(encoding="utf-8"), output)
    require_complete(gather.missing(entries), remedy=_run(model_set))


def _print_latex(
    place: Workspace, model_set: ModelSet, names: list[str], output: Path | None, policy: Path | None, *, public: bool
) -> None:
    """Print the table with scores of tasks; that with roles only is stored with the board."""
    from tcmbench.boards import publish
    from tcmbench.boards.latex import to_latex
    from tcmbench.cli.report import require_complete
    from tcmbench.errors import UnknownName
    from tcmbench.runs import gather

    planned, entries = _gathered(place, model_set)
    known = [column.column for column in planned.suite.tasks]
    for name in names:
        if name not in known and names != ["all"]:
            raise UnknownName.of("column", name, known, where=f"suite {planned.suite.name}")
    table = publish.table(place, model_set, planned, entries, policy=policy, public=public)
    _put(to_latex(table, tasks=[c for c in table.columns if names == ["all"] or c.name in names]), output)
    require_complete(gather.missing(entries), remedy=_run(model_set))


def _run(model_set: ModelSet) -> str:
    return f"Measure the missing scores: tcmbench run {model_set.name}"


def _put(text: str, output: Path | None) -> None:
    from tcmbench.store import write_text

    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)


def _draw(place: Workspace, model_set: ModelSet, folder: Path, policy: Path | None, *, public: bool) -> None:
    from tcmbench.boards import figures, publish
    from tcmbench.boards.canvas import chinese_fonts

    planned, entries = _gathered(place, model_set)
    written = figures.save(publish.table(place, model_set, planned, entries, policy=policy, public=public), folder)
    say(f"{len(written)} files in {folder}: {', '.join(path.name for path in written)}")
    if not chinese_fonts():
        say(
            "No font with Chinese glyphs is installed, so PNG and PDF show boxes for Chinese names; the SVG files "
            "are not affected. Install one (pip install 'tcmbench[paper]', or Debian's fonts-noto-cjk) and run again.",
            err=True,
        )


def _write_with_texts(place: Workspace, model_set: ModelSet, policy: Path | None) -> None:
    """Write to a folder that is not committed, because records must not be published with a leaderboard."""
    from tcmbench.boards import publish, render

    planned, entries = _gathered(place, model_set)
    table = publish.table(place, model_set, planned, entries, policy=policy, show_text=True)
    page = render.write(table, place.reports / f"{model_set.name}-text", names=("index.html",))[0]
    say(f"leaderboard with texts of records, not for publication: {page}")


def _serve(place: Workspace, model_set: ModelSet, port: int, policy: Path | None) -> None:
    from tcmbench import tasks
    from tcmbench.boards import publish
    from tcmbench.boards.live import RESAMPLES
    from tcmbench.boards.serve import LOOPBACK, Board, server
    from tcmbench.runs import gather, status

    planned = tasks.plan_set(place, model_set)

    def entries() -> list[Entry]:
        return status.mark(gather.entries(place, model_set, planned), status.running(place.store))

    board = Board(
        lambda: repr(entries()),
        lambda: publish.table(place, model_set, planned, entries(), policy=policy, resamples=RESAMPLES),
        reload_seconds=_RELOAD_SECONDS,
    )
    try:
        listening = server(board, port=port)
    except OSError as error:
        raise TcmbenchError(
            f"port {port} of {LOOPBACK} is not available: {error.strerror}. Choose another with --port, or 0 for any."
        ) from error
    with listening:
        say(f"http://{LOOPBACK}:{listening.server_address[1]}/ shows set {model_set.name}; stop with Ctrl-C")
        listening.serve_forever()


def _gathered(place: Workspace, model_set: ModelSet) -> tuple[PlannedSuite, list[Entry]]:
    from tcmbench import tasks
    from tcmbench.runs import gather

    planned = tasks.plan_set(place, model_set)
    return planned, gather.entries(place, model_set, planned)
