"""Small models of random tensors, as a cure is handed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tcmbench import plugins
from tcmbench.cures import CureWork
from tcmbench.records.model import Model
from tcmbench.specs.base import Base

BASE = Base.model_validate({"name": "base", "kind": "embedding", "path": "base", "architecture": "bert"})


def tensors(seed: int, *, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Return three tensors of values of both signs, zeros of both signs among them, and one of integers."""
    generator = torch.Generator().manual_seed(seed)
    found = {
        name: torch.randn(shape, generator=generator).to(dtype)
        for name, shape in {"embed.weight": (40, 7), "layer.weight": (7, 7), "layer.bias": (7,)}.items()
    }
    found["layer.bias"][:2] = torch.tensor([0.0, -0.0])
    return {**found, "position_ids": torch.arange(5)}


def model(folder: Path, name: str, content: dict[str, torch.Tensor]) -> Model:
    """Write a model."""
    (folder / name).mkdir()
    save_file(content, folder / name / "model.safetensors")
    (folder / name / "tokenizer.json").write_text(f'"{name}"', encoding="utf-8")
    return Model(name, BASE, folder / name, revision=name)


def work(base: Model, *tuned: Model, seed: int = 0) -> CureWork:
    """Return the inputs of a cure."""
    return CureWork(name="cure/seed0", base=base, tuned=tuned, seed=seed, data=None, cache=Path())


def cured(name: str, inputs: CureWork, out: Path, **options: Any) -> dict[str, torch.Tensor]:
    """Return the tensors that a cure makes."""
    cure = plugins.use("cures", name, options)
    cure.module.settings(inputs.tuned[0].base, count=len(inputs.tuned), options=cure.options)
    out.mkdir()
    cure.module.make(inputs, out, options=cure.options)
    return load_file(out / "model.safetensors")


def bits(tensor: torch.Tensor) -> bytes:
    """Return a tensor's bytes, which tell zeros apart."""
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()
