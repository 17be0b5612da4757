"""Options that locate data and sets, and the workspace of a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data root, before ./data, $TCMBENCH_DATA and the user's cache.", show_default=False),
]

SetOption = Annotated[
    str, typer.Option("--set", help="Set that defines the variant, inline or in a matrix; its suite is used.")
]


def variant_and_set(place: Workspace, name: str, set_name: str) -> tuple[Variant, ModelSet | None]:
    """Return a variant and the named set, if any.

    Raises:
        UnknownName: No such variant or set.
    """
    from tcmbench.specs.model_set import ModelSet

    model_set = place.spec(ModelSet, set_name) if set_name else None
    return place.variant(name, of=model_set), model_set


def workspace(data: Path | None = None) -> Workspace:
    """Return the workspace of the current folder, with --data, $TCMBENCH_DATA and $TCMBENCH_CACHE applied."""
    from tcmbench.workspace import from_environment

    return from_environment(Path.cwd(), data=data)
