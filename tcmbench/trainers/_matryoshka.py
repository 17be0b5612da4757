"""Matryoshka dimensions that a base can't have: trainers leave them out without a word, or fail late."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.trainers import Job


def check(job: Job, *, losses: tuple[str, ...]) -> None:
    """Refuse dimensions that the loss doesn't use or the base's vectors don't have, and the loss without any.

    Args:
        job: The training.
        losses: Losses of the trainer that use them.

    Raises:
        SpecError: The recipe can't be followed.
    """
    training, where = job.variant.training, f"variant {job.variant.name}"
    dims = training.matryoshka_dims
    if training.loss == "matryoshka" and not dims:
        raise SpecError(f"{where}: loss matryoshka needs training.matryoshka_dims, largest first.")
    if dims and training.loss not in losses:
        raise SpecError(
            f"{where}: training.matryoshka_dims go with loss {', '.join(losses)}, not with {training.loss}. "
            "Remove them or choose another loss."
        )
    found = width(job.base_dir) if dims else None
    if found is not None and dims[0] > found:
        raise SpecError(
            f"{where}: training.matryoshka_dims begin with {dims[0]}, and the vectors of base {job.base.name} have "
            f"{found} dimensions. Name dimensions up to {found}."
        )


def width(base_dir: Path) -> int | None:
    """Return the dimensions of a base's vectors, None where its files don't say."""
    modules = _json(base_dir / "modules.json")
    for module in reversed(modules if isinstance(modules, list) else []):
        made = _json(base_dir / str(module.get("path", "")) / "config.json")
        if isinstance(made, dict) and "out_features" in made:
            return int(made["out_features"])
    config = _json(base_dir / "config.json")
    if isinstance(config, dict) and "hidden_size" in config:
        return int(config["hidden_size"])
    return _table_width(base_dir)


def _table_width(base_dir: Path) -> int | None:
    """Return the width of a static model's table."""
    from safetensors import safe_open

    for path in sorted(base_dir.glob("**/*.safetensors")):
        with safe_open(path, framework="numpy") as weights:
            shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118 - no dictionary
        tables = [shape for shape in shapes if len(shape) == 2]
        if len(tables) == 1:
            return int(tables[0][1])
    return None


def _json(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
