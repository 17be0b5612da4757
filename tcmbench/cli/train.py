"""`tcmbench train VARIANT`: the tuned models of one variant, without evaluating them."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from tcmbench.cli.place import DataOption, SetOption, variant_and_set, workspace


def command(
    name: Annotated[str, typer.Argument(metavar="VARIANT", help="Name of a variant.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact command and every file it will make.")
    ] = False,
    set_name: SetOption = "",
    suite: Annotated[
        str, typer.Option("--suite", help="Look for leaks into the tasks of this suite; else the set's.")
    ] = "",
    data: DataOption = None,
) -> None:
    """Train what is missing of a variant, one model a seed."""
    from tcmbench.cli.progress import Progress
    from tcmbench.evaluation import run, run_set
    from tcmbench.specs.suite import Suite
    from tcmbench.tuning import tune

    place = workspace(data)
    variant, model_set = variant_and_set(place, name, set_name)
    suite = suite or (model_set.suite if model_set else "")
    planned = run.plan(place, place.spec(Suite, suite)) if suite else None
    recipe = run_set.recipe_of(place, variant, planned)
    if recipe.leaks:
        typer.echo(f"leaks: {recipe.leaks}", err=True)
    for seed in variant.seeds:
        label = f"{variant.name}/seed{seed}"
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
