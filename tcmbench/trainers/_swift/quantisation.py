"""QLoRA in 4 or 8 bits: the same settings for ms-swift and for the comparison after it, and what can't be packed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.errors import SpecError
from tcmbench.trainers._runtime import gpus, weights

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import TrainingJob

INPUTS = 64
"""Weights per quantisation block: each row must consist of whole blocks."""

OUTPUTS = 32
"""Rows that are packed together."""

_FLOAT = ("embed", "lm_head", "score")
"""Parts of names of matrices that transformers keeps in floating point."""


def arguments(variant: Variant) -> dict[str, str]:
    """Return ms-swift's arguments for QLoRA, by name."""
    bits = variant.training.quantization_bits
    of_four = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": variant.training.dtype}
    return {"quant_method": "bnb", "quant_bits": str(bits), **(of_four if bits == 4 else {})}


def config(variant: Variant) -> Any:
    """Return the same settings for transformers; those that `arguments` leaves out are ms-swift's defaults."""
    import torch
    from transformers import BitsAndBytesConfig

    if variant.training.quantization_bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, variant.training.dtype),
    )


def refuse_unpackable(job: TrainingJob) -> None:
    """Refuse QLoRA in 4 bits on a CPU with matrices that bitsandbytes can't pack; 8 bits aren't packed.

    On processors with AVX512-BF16 it packs 4-bit matrices for inference (`_convert_weight_packed_for_cpu` of
    bitsandbytes 0.50), which fails after the training where rows are not a multiple of its blocks. A recipe must train
    on all processors or on none, so it is refused on all.

    Raises:
        SpecError: A matrix of the base doesn't fit; the message names it.
    """
    is_packed = job.variant.tuner == "qlora" and job.variant.training.quantization_bits == 4
    if not is_packed or gpus.device(job) != "cpu":
        return
    for name, (outputs, inputs) in _matrices(job.base_dir).items():
        if inputs % INPUTS or outputs % OUTPUTS:
            raise SpecError(
                f'variant {job.variant.name}: tuner = "qlora" in 4 bits needs matrices whose inputs are a multiple of '
                f"{INPUTS} and whose outputs are a multiple of {OUTPUTS}, for bitsandbytes on a CPU; {name} of base "
                f"{job.base.name} has {inputs} inputs and {outputs} outputs. Use training.quantization_bits = 8, "
                'tuner = "lora", or a GPU.'
            )


def _matrices(base_dir: Path) -> dict[str, tuple[int, int]]:
    """Return (outputs, inputs) of the matrices that are quantised, by name."""
    return {
        name: (shape[0], shape[1])
        for path in sorted(base_dir.glob("*.safetensors"))
        for name, shape in weights.shapes(path).items()
        if len(shape) == 2 and not any(part in name for part in _FLOAT)
    }
