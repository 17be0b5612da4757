"""QLoRA takes the matrices that bitsandbytes can pack, on every processor, and has the same bits everywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Training, Variant
from tcmbench.trainers import TrainingJob
from tcmbench.trainers._swift import command, quantisation
from tcmbench.trainers._swift.options import Options
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
        quantisation.refuse_unpackable(job)
        functional._convert_weight_packed_for_cpu(packed, state)
        return
    with pytest.raises(SpecError, match=r'tuner = "qlora".*up_proj\.weight of base tiny has \d+ inputs'):
        quantisation.refuse_unpackable(job)
    with pytest.raises((AssertionError, RuntimeError)):
        functional._convert_weight_packed_for_cpu(packed, state)


def test_the_trainer_refuses_before_anything_starts(tmp_path: Path, embedding_base: Base) -> None:
    """The check of the swift trainer names the matrix and the alternative."""
    with pytest.raises(
        SpecError,
        match=r'has 32 inputs and 16 outputs\. Use training\.quantization_bits = 8, tuner = "lora", or a GPU\.',
    ):
        plan(job_of(tmp_path, embedding_base, (16, 32), tuner="qlora"))


@pytest.mark.parametrize(
    ("tuner", "device", "bits"), [("lora", "cpu", 4), ("full", "cpu", 4), ("qlora", "cuda", 4), ("qlora", "cpu", 8)]
)
def test_nothing_else_is_packed(tmp_path: Path, embedding_base: Base, tuner: str, device: str, bits: int) -> None:
    """Float weights, 8-bit weights, and 4-bit weights on a GPU have no such limit."""
    job = job_of(tmp_path, embedding_base, (16, 32), tuner=tuner, training={"quantization_bits": bits})
    quantisation.refuse_unpackable(dataclasses.replace(job, device=device))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_ms_swift_quantises_as_the_comparison_after_it(
    tmp_path: Path, embedding_base: Base, bits: int, dtype: str
) -> None:
    """Its own reading of the arguments gives the configuration that the trained network is opened with."""
    from swift.arguments.base_args.quant_args import QuantizeArguments

    training = {"quantization_bits": bits, "dtype": dtype}
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=8, tuner="qlora", training=training)
    given = quantisation.arguments(job.variant)
    reader = type("Arguments", (QuantizeArguments,), {"torch_dtype": getattr(torch, dtype)})
    read = reader(**{**given, "quant_bits": int(given["quant_bits"])}).get_quantization_config().to_dict()

    ours = quantisation.config(job.variant).to_dict()
    in_use = {name for name in ours if bits == 4 or not name.startswith("bnb_4bit")}
    assert {name: read[name] for name in in_use} == {name: ours[name] for name in in_use}
    words = command.command(job, options=Options(), device="cpu")
    assert words[words.index("--quant_bits") + 1] == str(bits)


def test_bits_without_quantisation_are_refused() -> None:
    """They would have no effect."""
    with pytest.raises(ValidationError, match="quantization_bits needs tuner 'qlora': 'lora' doesn't quantise"):
        Variant(name="v", base="b", data="d", tuner="lora", training=Training(quantization_bits=8))
