"""Settings that a derived base has from the base that it is derived from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.specs.base import LABELS, Base

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

_OF_ONE_BASE = (LABELS - {"own_prompts"}) | {"kind", "encoder", "options", "trust_remote_code"}
"""Fields that a derived base doesn't take over."""


def as_its_origin(workspace: Workspace, base: Base) -> Base:
    """Return a derived base with the prompts, pooling and other settings of the base that it is derived from.

    Those in its own file come first; a base of another kind has none in common.
    """
    if base.derive is None:
        return base
    origin = as_its_origin(workspace, workspace.spec(Base, base.derive.base, where=f"base {base.name}: derive"))
    if origin.kind != base.kind:
        return base
    taken = origin.model_fields_set - base.model_fields_set - _OF_ONE_BASE
    return base.model_copy(update={field: getattr(origin, field) for field in taken})
