"""Common to `train` and `data build`: a variant's recipe, and the leaks of its records into a suite's tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._output import say
from tcmbench.cli.place import variant_and_set

if TYPE_CHECKING:
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.workspace import Workspace

SuiteOption = Annotated[
    str, typer.Option("--suite", help="Detect leaks into the tasks of this suite; default: the set's.")
]

DropLeaksOption = Annotated[
    bool, typer.Option("--drop-leaks", help="Leave out records that leak, like drop_leaks = true in the recipe.")
]


def recipe_and_leaks(place: Workspace, name: str, *, set_name: str, suite: str, drop_leaks: bool) -> Recipe:
    """Return the recipe of a variant; with a suite, print its leaks and the path of the full report on stderr.

    Raises:
        UnknownName: No such variant, set or suite.
        SpecError: Leaks are to be dropped, but neither a set nor a suite is named.
        TcmbenchError: The recipe can't be resolved.
    """
    from tcmbench import tasks
    from tcmbench.specs.suite import Suite
    from tcmbench.tuning import leaks
    from tcmbench.tuning.recipe import recipe_of

    variant, model_set = variant_and_set(place, name, set_name)
    if drop_leaks:
        variant = variant.model_copy(update={"drop_leaks": True})
    where = f"set {model_set.name}" if model_set and not suite else ""
    suite = suite or (model_set.suite if model_set else "")
    planned = tasks.plan_suite(place, place.spec(Suite, suite, where=where)) if suite else None
    recipe = recipe_of(place, variant, planned, download=True)
    if planned is not None:
        say(f"leaks: {recipe.leaks}", err=True)
        for part in recipe.parts:
            say(f"leak report: {leaks.find(place, part.data, planned).path}", err=True)
    return recipe
