"""`tcmbench train NAME`: the models of one variant, or of a cure or form of a set, without evaluating them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, SetOption, workspace
from tcmbench.cli.recipe import DropLeaksOption, SuiteOption, recipe_and_leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tcmbench.records.events import Emit
    from tcmbench.store import Json
    from tcmbench.trainers import Step
    from tcmbench.treatment.treatment import Treatment
    from tcmbench.workspace import Workspace


def command(
    name: Annotated[str, typer.Argument(metavar="VARIANT", help="Name of a variant, or of a cure or form of --set.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact command and every file that it will create.")
    ] = False,
    set_name: SetOption = "",
    suite: SuiteOption = "",
    drop_leaks: DropLeaksOption = False,
    data: DataOption = None,
) -> None:
    """Train the missing models of a variant, one per seed."""
    from tcmbench.cli.progress import Progress
    from tcmbench.tuning import tune

    place = workspace(data)
    if (treatment := _treatment(place, name, set_name)) is not None:
        _make(place, treatment, is_dry=dry_run)
        return
    recipe = recipe_and_leaks(place, name, set_name=set_name, suite=suite, drop_leaks=drop_leaks)
    for seed in recipe.variant.seeds:
        label = f"{recipe.variant.name}/seed{seed}"
        if dry_run:
            plan = tune.plan(place, recipe, seed=seed)
            say(f"# {label}: {plan.steps} steps")
            say(" ".join(f"{key}={shlex.quote(value)}" for key, value in sorted(plan.environment.items())))
            say(shlex.join(plan.command))
            for path in plan.files:
                say(f"#   {path}")
            continue
        with Progress(total=1) as progress:
            show = _showing(label, progress.show)
            tuned = tune.tune(place, recipe, seed=seed, progress=show)
        say(f"{label}: {tuned.folder / 'model'}")
        say(f"  {cost(tuned.outcome)}")


def _treatment(place: Workspace, name: str, set_name: str) -> Treatment | None:
    """Return the cure or form of a set by its name; None where the set has no such one, or no set is named."""
    from tcmbench import tasks
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.treatment.treatment import resolve

    model_set = place.spec(ModelSet, set_name) if set_name else None
    made = next((each for each in (place.treated(model_set) if model_set else ()) if each.name == name), None)
    if model_set is None or made is None:
        return None
    return resolve(place, made, model_set, tasks.plan_set(place, model_set), download=True)


def _make(place: Workspace, treatment: Treatment, *, is_dry: bool) -> None:
    """Make the missing models of a cure or form, with the trainings they need; or print what they are made from."""
    from tcmbench.cli.progress import Progress
    from tcmbench.treatment import treat

    for seed in treatment.seeds:
        label = f"{treatment.spec.name}/seed{seed}"
        if is_dry:
            say(f"# {label}: {treatment.spec.method} of {', '.join(one.name for one in treatment.inputs(seed))}")
            say(f"#   {place.store.path(treat.KIND, treat.model_key(place, treatment, seed=seed))}")
            continue
        with Progress(total=1) as progress:
            cured = treat.make_with_inputs(place, treatment, seed=seed, emit=progress.show)
        say(f"{label}: {cured.folder / 'model'}")
        say(f"  {_number(cured.outcome, 'seconds'):.0f} s")


def _showing(label: str, emit: Emit) -> Callable[[Step], None]:
    """Return a callback that emits the steps of a training as events."""
    from tcmbench.records.events import TrainingStep

    return lambda step: emit(TrainingStep(label, *step))


def cost(outcome: Mapping[str, Json]) -> str:
    """Return costs and parity of a training in one line."""
    from tcmbench.trainers import REPORTED

    seconds, tokens = _number(outcome, "seconds"), _number(outcome, "tokens")
    memory, on_gpu = _number(outcome, "peak_memory_mib"), _number(outcome, "peak_gpu_memory_mib")
    ways = outcome.get("parity")
    parity = {name: value for name, value in ways.items() if name not in REPORTED} if isinstance(ways, dict) else {}
    parts = [
        f"{seconds:.0f} s",
        f"{tokens:,.0f} tokens" + (f" ({tokens / seconds:,.0f} per second, including start-up)" if seconds else ""),
        f"{_number(outcome, 'trained_parameters'):,.0f} parameters trained",
        f"{memory / 1024:.1f} GiB" + (f" and {on_gpu / 1024:.1f} GiB on the GPU" if on_gpu else ""),
    ]
    rows = outcome.get("rows")
    if isinstance(rows, dict) and _number(rows, "repeated"):
        repeated, left_out = _number(rows, "repeated"), _number(rows, "left_out")
        parts.append(
            f"{repeated:,.0f} of {_number(rows, 'read'):,.0f} rows read again and {left_out:,.0f} not at all, since "
            "batches without duplicates couldn't be filled otherwise"
        )
    if parity:
        parts.append(f"parity within {max(_number(parity, name) for name in parity):.0e}")
    return ", ".join(parts)


def _number(facts: Mapping[str, Json], name: str) -> float:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
