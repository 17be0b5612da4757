"""`tcmbench train VARIANT`: the tuned models of one variant, without evaluating them."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from tcmbench.cli.place import DataOption, SetOption, workspace
from tcmbench.cli.recipe import DropLeaksOption, SuiteOption, recipe_and_leaks


def command(
    name: Annotated[str, typer.Argument(metavar="VARIANT", help="Name of a variant.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact command and every file it will make.")
    ] = False,
    set_name: SetOption = "",
    suite: SuiteOption = "",
    drop_leaks: DropLeaksOption = False,
    data: DataOption = None,
) -> None:
    """Train what is missing of a variant, one model a seed."""
    from tcmbench.cli.progress import Progress
    from tcmbench.tuning import tune

    place = workspace(data)
    recipe = recipe_and_leaks(place, name, set_name=set_name, suite=suite, drop_leaks=drop_leaks)
    for seed in recipe.variant.seeds:
        label = f"{recipe.variant.name}/seed{seed}"
        if dry_run:
            plan = tune.plan(place, recipe, seed=seed)
            typer.echo(f"# {label}: {plan.steps} steps")
            typer.echo(" ".join(f"{key}={shlex.quote(value)}" for key, value in sorted(plan.environment.items())))
            typer.echo(shlex.join(plan.command))
            for path in plan.files:
                typer.echo(f"#   {path}")
            continue
        with Progress(total=1) as progress:
            made = tune.tune(place, recipe, seed=seed, progress=lambda step, label=label: progress.train(label, step))  # type: ignore[misc]
        typer.echo(f"{label}: {made.folder / 'model'}")
