"""Spherical interpolation between the base and a tuned model: along the arc, so that the lengths of weights are kept.

Shoemake 1985 (doi:10.1145/325334.325242), applied to each tensor as one vector. Tensors that are nearly parallel,
which those of a base and a model tuned from it mostly are, are interpolated linearly; the limit is mergekit's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.cures import one_input
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch

    from tcmbench.cures import CureWork
    from tcmbench.cures.weights.combine import TensorPart
    from tcmbench.cures.weights.pairing import PairedTensor
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = False
LOADS_MODEL = False

_PARALLEL = 0.9995
"""Cosine above which the arc is too short to be told from its chord."""


class Options(PluginOptions):
    """Place on the arc."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    """0 is the base, 1 the tuned model."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: Several models.
    """
    one_input(count, cure="slerp")
    return {}


def share(*, is_together: bool, options: Options) -> float:
    """Return the place on the arc."""
    del is_together
    return options.alpha


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model on the arc, and return how many tensors were interpolated linearly."""
    import math

    from tcmbench.cures.weights import formulas
    from tcmbench.cures.weights.combine import combine
    from tcmbench.cures.weights.whole_tensors import angle

    counts = {"linear": 0, "all": 0}

    def combination(tensor: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        cosine, lengths = angle(tensor)
        is_linear = abs(cosine) > _PARALLEL or options.alpha in {0.0, 1.0}
        counts["all"] += 1
        counts["linear"] += is_linear
        if is_linear:
            return lambda part: formulas.interpolated(part.base, part.tuned[0], options.alpha)
        radians = math.acos(cosine)
        return lambda part: formulas.on_arc(part.base, part.tuned[0], options.alpha, angle=radians, lengths=lengths)

    combine(work, out, combination)
    return {"tensors interpolated linearly": f"{counts['linear']} of {counts['all']}"}
