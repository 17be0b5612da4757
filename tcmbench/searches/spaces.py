"""The space that a user names: a file of the workspace or of any folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.models.given import in_set
from tcmbench.searches.trials import set_of
from tcmbench.specs import toml
from tcmbench.specs.space import SearchSpace
from tcmbench.tasks import plan_set

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


def scores(workspace: Workspace, space: SearchSpace) -> int:
    """Return the most scores that a search measures, for the display of its progress."""
    columns = len(plan_set(workspace, set_of(space)).suite.tasks)
    return columns * (1 + space.trials * len(space.variant.get("seeds", (0,))) + space.seeds)


def named(workspace: Workspace, name: str, *, trials: int | None = None) -> tuple[Workspace, SearchSpace]:
    """Return a space, and the workspace with its reference.

    Args:
        workspace: The workspace.
        name: Name of a file of `models/spaces/`, or the path of one.
        trials: Recipes to try instead of those of the space; None for the space's own.

    Raises:
        UnknownName: No such space.
        SpecError: The file is no valid space.
    """
    path = Path(name)
    is_path = path.suffix == ".toml" or len(path.parts) > 1
    space = toml.read(SearchSpace, path) if is_path else workspace.spec(SearchSpace, name)
    if trials is not None:
        space = space.model_copy(update={"trials": trials})
    workspace, model_set = in_set(workspace, set_of(space))
    return workspace, space.model_copy(update={"reference": model_set.reference})
