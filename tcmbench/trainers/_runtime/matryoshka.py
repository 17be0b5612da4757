"""Matryoshka dimensions: the option, and a check against the base, since trainers silently skip impossible ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator

from tcmbench import strict_json
from tcmbench.errors import SpecError
from tcmbench.trainers import TrainerOptions, loss_of
from tcmbench.trainers._runtime import weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tcmbench.trainers import Loss, TrainingJob


class MatryoshkaOptions(TrainerOptions):
    """Options of a trainer with a Matryoshka loss."""

    matryoshka_dims: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Dimensions of the Matryoshka loss, largest first."""

    @field_validator("matryoshka_dims")
    @classmethod
    def _dims_fall(cls, dims: tuple[int, ...]) -> tuple[int, ...]:
        if list(dims) != sorted(set(dims), reverse=True):
            raise ValueError(f"the dimensions must fall, each once, got {list(dims)}")
        return dims


def check(job: TrainingJob, *, dims: Sequence[int], losses: Sequence[Loss]) -> None:
    """Refuse dimensions that don't suit the loss or the base's vectors, and a Matryoshka loss without dimensions.

    Args:
        job: The training.
        dims: The option.
        losses: All losses of the trainer.

    Raises:
        SpecError: The recipe can't be followed.
    """
    where, loss = f"variant {job.variant.name}", loss_of(job.variant, losses)
    if loss.matryoshka == "always" and not dims:
        raise SpecError(f"{where}: loss {loss.name} needs matryoshka_dims under [training.options], largest first.")
    if dims and loss.matryoshka == "never":
        fitting = ", ".join(other.name for other in losses if other.matryoshka != "never")
        raise SpecError(
            f"{where}: training.options.matryoshka_dims go with loss {fitting}, not with {loss.name}. "
            "Remove them or choose another loss."
        )
    widest = width(job.base_dir) if dims else None
    if widest is not None and dims[0] > widest:
        raise SpecError(
            f"{where}: training.options.matryoshka_dims begin with {dims[0]}, and the vectors of base {job.base.name} "
            f"have {widest} dimensions. Name dimensions up to {widest}."
        )


def width(base_dir: Path) -> int | None:
    """Return the dimensions of a base's vectors, None where its files don't state them."""
    modules = _json(base_dir / "modules.json")
    for module in reversed(modules if isinstance(modules, list) else []):
        settings = _json(base_dir / str(module.get("path", "")) / "config.json")
        if isinstance(settings, dict) and "out_features" in settings:
            return int(settings["out_features"])
    config = _json(base_dir / "config.json")
    if isinstance(config, dict) and "hidden_size" in config:
        return int(config["hidden_size"])
    return _table_width(base_dir)


def _table_width(base_dir: Path) -> int | None:
    """Return the width of a static model's table."""
    for path in sorted(base_dir.glob("**/*.safetensors")):
        tables = [shape for shape in weights.shapes(path).values() if len(shape) == 2]
        if len(tables) == 1:
            return tables[0][1]
    return None


def _json(path: Path) -> object:
    return strict_json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
