"""Layers of a network by the names of its weights, as transformers names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.models import folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcmbench.specs.keep import Keep
    from tcmbench.trainers import TrainingJob

_NUMBERED = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
_BELOW = re.compile(r"(?:^|\.)(?:embeddings?|embed_tokens|wte|wpe)\.")

TOKENS = -1
"""Depth of what lies below the first layer: vectors of tokens and positions."""


def depths(names: Iterable[str]) -> dict[str, int | None]:
    """Return the depth of each weight by its name: `TOKENS`, the number of its layer, or None above the layers."""
    found: dict[str, int | None] = {}
    for name in names:
        numbered = _NUMBERED.search(name)
        found[name] = int(numbered.group(1)) if numbered else TOKENS if _BELOW.search(name) else None
    return found


def refuse_absent(job: TrainingJob) -> None:
    """Refuse settings of layers that the base doesn't have.

    Raises:
        SpecError: A static base, or fewer layers than are to be frozen.
    """
    keep, where = job.variant.training.keep, f"variant {job.variant.name}: training.keep"
    if job.base.architecture == "static":
        for name in ("layer_decay", "frozen_layers", "frozen_tokens"):
            if name in keep.model_dump(exclude_defaults=True):
                raise SpecError(
                    f"{where}.{name}: base {job.base.name} is one table of token vectors, without layers, and nothing "
                    "else is trained. Use a lower training.learning_rate, keep.l2_sp or keep.distillation."
                )
    elif keep.frozen_layers:
        count = folder.json_object(job.base_dir / "config.json").get("num_hidden_layers")
        if isinstance(count, int) and keep.frozen_layers > count:
            raise SpecError(
                f"{where}.frozen_layers = {keep.frozen_layers}, but base {job.base.name} has {count} layers."
            )


def frozen_pattern(keep: Keep) -> str:
    """Return a regular expression that finds the names of the frozen weights; empty without any."""
    layers = "|".join(map(str, range(keep.frozen_layers)))
    patterns = [rf"(?:^|\.)(?:layers?|h|blocks?)\.(?:{layers})\."] if layers else []
    return "|".join([*patterns, *([_BELOW.pattern] if keep.frozen_tokens else [])])
