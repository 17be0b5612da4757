"""QLoRA takes the matrices that bitsandbytes can pack, on every processor."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tcmbench.trainers import TrainingJob
from tcmbench.trainers._swift import four_bits
from tests.trainers.tiny import make_job, plan

pytestmark = pytest.mark.filterwarnings("ignore")

FITTING = [(32, 64), (96, 128), (64, 192)]
UNFIT = [(32, 32), (16, 64), (48, 64), (64, 96), (33, 64)]


def job_of(folder: Path, base: Base, shape: tuple[int, int], **variant: object) -> TrainingJob:
    """Return a job whose base has one matrix, beside token vectors and a norm."""
    weights = {
        "model.embed_tokens.weight": torch.zeros(50, 10),
        "model.layers.0.mlp.up_proj.weight": torch.zeros(shape),
        "model.norm.weight": torch.zeros(10),
    }
    (folder / "base").mkdir()
    save_file(weights, folder / "base" / "model.safetensors")
    return make_job(folder, base=base, train_file=folder / "train.jsonl", rows=8, **variant)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [*FITTING, *UNFIT])
def test_bitsandbytes_packs_what_is_accepted(tmp_path: Path, embedding_base: Base, shape: tuple[int, int]) -> None:
    """A matrix passes the check exactly where the packing of bitsandbytes succeeds."""
    from bitsandbytes import functional

    job = job_of(tmp_path, embedding_base, shape, tuner="qlora")
    packed, state = functional.quantize_4bit(
        torch.randn(shape, generator=torch.Generator().manual_seed(0)), blocksize=64, quant_type="nf4"
    )
    if shape in FITTING:
        four_bits.refuse_unpackable(job)
        functional._convert_weight_packed_for_cpu(packed, state)
        return
    with pytest.raises(SpecError, match=r'tuner = "qlora".*up_proj\.weight of base tiny has \d+ inputs'):
        four_bits.refuse_unpackable(job)
    with pytest.raises((AssertionError, RuntimeError)):
        functional._convert_weight_packed_for_cpu(packed, state)


def test_the_trainer_refuses_before_anything_starts(tmp_path: Path, embedding_base: Base) -> None:
    """The check of the swift trainer names the matrix and the alternative."""
    with pytest.raises(SpecError, match=r'has 32 inputs and 16 outputs\. Use tuner = "lora", or a GPU\.'):
        plan(job_of(tmp_path, embedding_base, (16, 32), tuner="qlora"))


@pytest.mark.parametrize(("tuner", "device"), [("lora", "cpu"), ("full", "cpu"), ("qlora", "cuda")])
def test_nothing_else_is_packed(tmp_path: Path, embedding_base: Base, tuner: str, device: str) -> None:
    """Float weights and 4-bit weights on a GPU have no such limit."""
    job = job_of(tmp_path, embedding_base, (16, 32), tuner=tuner)
    four_bits.refuse_unpackable(dataclasses.replace(job, device=device))
