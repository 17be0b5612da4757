"""Check for matrices that bitsandbytes can pack into 4 bits on every processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.trainers._runtime import gpus, weights

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.trainers import TrainingJob

INPUTS = 64
"""Weights per quantisation block: each row must consist of whole blocks."""

OUTPUTS = 32
"""Rows that are packed together."""

_FLOAT = ("embed", "lm_head", "score")
"""Parts of names of matrices that transformers keeps in floating point."""


def refuse_unpackable(job: TrainingJob) -> None:
    """Refuse QLoRA on a CPU with matrices that bitsandbytes can't pack.

    On processors with AVX512-BF16 it packs 4-bit matrices for inference (`_convert_weight_packed_for_cpu` of
    bitsandbytes 0.50), which fails after the training where rows are not a multiple of its blocks. A recipe must train
    on all processors or on none, so it is refused on all.

    Raises:
        SpecError: A matrix of the base doesn't fit; the message names it.
    """
    if job.variant.tuner != "qlora" or gpus.device(job) != "cpu":
        return
    for name, (outputs, inputs) in _matrices(job.base_dir).items():
        if inputs % INPUTS or outputs % OUTPUTS:
            raise SpecError(
                f'variant {job.variant.name}: tuner = "qlora" needs matrices whose inputs are a multiple of {INPUTS} '
                f"and whose outputs are a multiple of {OUTPUTS}, for bitsandbytes on a CPU; {name} of base "
                f'{job.base.name} has {inputs} inputs and {outputs} outputs. Use tuner = "lora", or a GPU.'
            )


def _matrices(base_dir: Path) -> dict[str, tuple[int, int]]:
    """Return (outputs, inputs) of the matrices that are quantised, by name."""
    return {
        name: (shape[0], shape[1])
        for path in sorted(base_dir.glob("*.safetensors"))
        for name, shape in weights.shapes(path).items()
        if len(shape) == 2 and not any(part in name for part in _FLOAT)
    }
