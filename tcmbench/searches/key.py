"""The key of a search: a hash of everything that its trials and their figures depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import models, plugins
from tcmbench.errors import SpecError
from tcmbench.store import canonical_json, differences, key
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of

if TYPE_CHECKING:
    from tcmbench.searches.trials import Bench
    from tcmbench.store import Json

STAGE = "search 2"

_FREE = frozenset({"title", "title_zh", "description", "description_zh", "policy", "trials", "hours", "seeds"})
"""Fields of a space under which a search continues: labels, the budget, and how the winner is confirmed."""


def search_key(bench: Bench) -> str:
    """Return the key of a search: space, rules, revisions of tasks, reference, training data and trainer.

    Raises:
        TcmbenchError: The data or weights of a recipe are absent.
    """
    space, planned = bench.space, bench.planned
    columns: list[Json] = [
        [column.column, column.role, column.split, column.subset, planned.tasks[column.task].measured_revision]
        for column in planned.suite.tasks
    ]
    return key(
        STAGE,
        {
            "space": differences(space, exclude=_FREE),
            "order": [[name, [*getattr(parameter, "choices", ())]] for name, parameter in space.parameters.items()],
            "policy": differences(bench.policy),
            "columns": columns,
            "reference": models.base_model(bench.workspace, space.reference).revision,
            "recipes": _inputs(bench),
        },
    )


def _inputs(bench: Bench) -> list[Json]:
    """Return what recipes depend on besides their fields.

    This is the key of a tuned model for each choice and each end of a range, in which the contents of bases, data and
    general texts and the revisions of trainers and miners are, and each cure with its revision.
    """
    found: dict[str, Json] = {}
    for chosen in bench.space.corners():
        variant, cures, _ = bench.space.proposal(chosen, name="trial")
        try:
            recipe = recipe_of(bench.workspace, variant, bench.planned, download=True)
            name = tune.model_key(bench.workspace, recipe, seed=0)
        except SpecError:
            continue  # such a trial fails, and the others are searched
        found[name] = name
        for cure in cures:
            method = plugins.use("cures", cure.cure, cure.options, where="cure").identity()
            found[canonical_json(method)] = method
    return [*found.values()]
