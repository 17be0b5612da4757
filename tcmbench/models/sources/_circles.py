"""Bases whose weights come from another base, which may need a third."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


def require_end(workspace: Workspace, base: Base) -> None:
    """Check that a base doesn't need its own weights, by way of others.

    Raises:
        SpecError: It does.
    """
    seen = [base.name]
    while (needed := _needed(base)) is not None:
        field, name = needed
        seen.append(name)
        if name in seen[:-1]:
            raise SpecError(f"base {seen[0]}: {field} leads in a circle: {' → '.join(seen)}. Name another base.")
        base = workspace.spec(Base, name, where=f"base {base.name}: {field}")


def _needed(base: Base) -> tuple[str, str] | None:
    """Return the field that names another base, and that base."""
    if base.derive is not None:
        return "derive", base.derive.base
    return None if base.tuned_from is None else ("tuned_from", base.tuned_from)
