"""`tcmbench check SET`: the regression gate. It reads stored scores and the baseline, without measuring."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._names import TasksOption, separated
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from tcmbench.checks.check import Update
    from tcmbench.checks.verdict import Report
    from tcmbench.workspace import Workspace

_SHOWN = 40
_STDOUT = Path("-")


class Against(StrEnum):
    """The models' counterpart."""

    baseline = "baseline"
    reference = "reference"
    source = "source"


def _file(text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar="PATH", help=text, show_default=False)
    return option


def command(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="Name of a model set; default: the only one of the workspace.")
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Instead of a set: a model that was tuned elsewhere, against its base; missing scores are measured.",
        ),
    ] = "",
    base: Annotated[
        str, typer.Option("--base", metavar="MODEL", help="With --model: its base; default: the one that it names.")
    ] = "",
    suite: Annotated[
        str, typer.Option("--suite", help="With --model: the suite; default: that of the workspace.")
    ] = "",
    task: TasksOption = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Baseline, or last-green: the last state of the set's history that passed. Default: "
            "leaderboards/SET/baseline.json.",
            show_default=False,
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Policy in TOML; default: the set's own.", show_default=False)
    ] = None,
    against: Annotated[
        Against | None,
        typer.Option(
            help="baseline: each model against its own row there; reference: each variant against the "
            "set's reference; source: each form against the model in its `of`. Default: the baseline where there is "
            "one.",
            show_default=False,
        ),
    ] = None,
    until_decided: Annotated[
        bool,
        typer.Option("--until-decided", help="Say how many items or seeds would decide what is inconclusive."),
    ] = False,
    update_baseline: Annotated[bool, typer.Option("--update-baseline", help="Write the baseline and exit.")] = False,
    output_dir: Annotated[Path | None, _file("Write every output into this folder.")] = None,
    json: Annotated[Path | None, _file("Write JSON; - for stdout.")] = None,
    junit: Annotated[Path | None, _file("Write JUnit XML.")] = None,
    sarif: Annotated[Path | None, _file("Write SARIF 2.1.0.")] = None,
    markdown: Annotated[Path | None, _file("Write Markdown.")] = None,
    data: DataOption = None,
) -> None:
    """Run the regression gate.

    It reads stored scores: run `tcmbench run SET` first; with --model it measures what is missing. It answers two
    questions: did anything get worse (against the baseline), and may it ship (against the reference); the first line
    names the one that determines the exit code. With --until-decided it is the second, and the report says how much
    data would decide it; plan several looks (`looks` in the policy) before you add data and check again.
    Exits with 0: pass; 1: a regression, one that can't be ruled out, or too little gain; 2: an error or a missing
    score; 3: not comparable, as a task or the set is not that of the baseline. In GitHub Actions the job summary is
    also written.
    """
    from tcmbench.checks import check
    from tcmbench.checks.outputs import load
    from tcmbench.cli.progress import waiting
    from tcmbench.errors import SpecError
    from tcmbench.runs.selection import own_set

    place = workspace(data)
    last_green = baseline is not None and str(baseline) == "last-green"
    if last_green and (update_baseline or against is Against.reference):
        raise SpecError("--baseline last-green is what the set is compared with: remove the other option.")
    options = check.Options(
        baseline=None if last_green else baseline,
        last_green=last_green,
        policy=policy,
        against=against.value if against else None,
    )
    options = replace(options, until_decided=until_decided)
    if model:
        if name or baseline or update_baseline or against is Against.baseline:
            raise SpecError("--model is compared with its base: remove the set, --baseline and --update-baseline.")
        place, name = _measured(place, model, base, suite, separated(task))
        options = replace(options, against="reference")
    elif base or suite or task:
        raise SpecError("--base, --suite and --tasks are for --model: a set has its own.")
    name = name or own_set(place)
    if update_baseline:
        _report_update(place, check.update_baseline(place, name, options))
        return
    with waiting(f"checking {name}"):
        report = check.check(place, name, options)
    wanted = {"json": json, "junit": junit, "sarif": sarif, "markdown": markdown}
    files = {output: path for output, path in wanted.items() if path is not None}
    _write(report, files, output_dir)
    if _STDOUT not in files.values():
        say(load("console").render(report), nl=False)
    raise typer.Exit(report.exit_code)


def _measured(place: Workspace, model: str, base: str, suite: str, tasks: list[str]) -> tuple[Workspace, str]:
    """Return the name of a set of a model and its base with all scores that can be had, and its workspace."""
    from tcmbench.checks.two_models import two_models
    from tcmbench.cli.progress import Progress
    from tcmbench.evaluation.given import suite_for

    place, measured = suite_for(place, suite=suite, names=tasks)
    pair = two_models(place, measured, after=model, before=base, base=base)
    with Progress(total=pair.missing) as progress:
        pair.measure(emit=progress.show)
    return pair.workspace, pair.model_set.name


def _write(report: Report, files: dict[str, Path], folder: Path | None) -> None:
    """Write the requested outputs, and GitHub's job summary where there is one."""
    from tcmbench import disk
    from tcmbench.checks import outputs
    from tcmbench.store import write_text

    for name, path in files.items():
        rendered = outputs.load(name).render(report)
        if path == _STDOUT:
            typer.echo(rendered, nl=False)
        else:
            write_text(path, rendered)
    if folder is not None:
        for name in outputs.names():
            output = outputs.load(name)
            write_text(folder / output.FILE, output.render(report))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        # appended, not replaced, because other steps of the job also write there
        path = Path(summary)
        with disk.writing(path), path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(outputs.load("markdown").render(report))


def _report_update(place: Workspace, update: Update) -> None:
    path = place.shown(update.path)
    if not update.written:
        say(f"{path} is up to date")
        return
    for line in update.changes[:_SHOWN]:
        say(f"  {line}")
    if len(update.changes) > _SHOWN:
        say(f"  and {len(update.changes) - _SHOWN} more changes")
    say(f"{path}: {update.models} models on {update.tasks} tasks, {update.size / 1024:.0f} KiB. Commit it.")
