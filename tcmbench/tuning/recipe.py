"""The recipe of a variant in a suite: what is trained on, with the records left out that stand in its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.tuning import leaks, training_data, tune

if TYPE_CHECKING:
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.variant import Variant
    from tcmbench.tuning.tune import Recipe
    from tcmbench.workspace import Workspace


def recipe_of(workspace: Workspace, variant: Variant, planned: PlannedSuite | None) -> Recipe:
    """Return the recipe of a variant; with a suite, its leaks are looked for, and dropped where it says so.

    Raises:
        SpecError: Leaks are to be dropped, but there is no suite to look for them in.
        TcmbenchError: The recipe can't be followed.
    """
    if planned is None:
        if variant.drop_leaks:
            raise SpecError(
                f"variant {variant.name}: drop_leaks leaves out the records that stand in the tasks of a suite, and no "
                "suite is given. Add --set SET or --suite SUITE."
            )
        return tune.resolve(workspace, variant)
    report = leaks.find(workspace, training_data.find(workspace, variant), planned)
    drop = report.records if variant.drop_leaks else frozenset()
    summary = report.summary + (f"; {len(drop)} dropped" if variant.drop_leaks else "")
    return tune.resolve(workspace, variant, drop=drop, leaks=summary)
