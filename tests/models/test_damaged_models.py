"""Adapters and checkpoints that are damaged are refused by the file that is at fault."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench.errors import ModelAbsent
from tests.models import adapters
from tests.models.adapters import model_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
_ADAPTERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a list": (lambda f: (f / _CONFIG).write_text("[]"), "adapter_config.json: expected a JSON object"),
    "no JSON": (lambda f: (f / _CONFIG).write_bytes(b"\xff{"), "adapter_config.json: expected JSON"),
    "deep": (lambda f: (f / _CONFIG).write_text("[" * 90_000), "adapter_config.json: expected JSON"),
    "digits": (lambda f: (f / _CONFIG).write_text('{"r": ' + "9" * 9_000 + "}"), "adapter_config.json: expected JSON"),
    "no base": (
        lambda f: adapters.edit(f / _CONFIG, base_model_name_or_path=None),
        "it doesn't name the base that it was tuned from",
    ),
    "long base": (
        lambda f: adapters.edit(f / _CONFIG, base_model_name_or_path="/" + "x" * 5_000),
        "which is not on this machine",
    ),
    "NUL": (lambda f: adapters.edit(f / _CONFIG, base_model_name_or_path="a\0b"), "which is not on this machine"),
    "nobody's home": (
        lambda f: adapters.edit(f / _CONFIG, base_model_name_or_path="~nobody1/x"),
        "which is not on this machine",
    ),
    "itself": (lambda f: adapters.edit(f / _CONFIG, base_model_name_or_path=str(f)), "its base leads back to"),
    "rank": (lambda f: adapters.edit(f / _CONFIG, r=-4), "adapter_config.json: PEFT can't use it"),
    "other rank": (lambda f: adapters.edit(f / _CONFIG, r=8), "adapter_config.json: PEFT can't use it"),
    "kind": (lambda f: adapters.edit(f / _CONFIG, peft_type="NONE"), "adapter_config.json: PEFT can't use it"),
    "pattern": (lambda f: adapters.edit(f / _CONFIG, target_modules="((("), "adapter_config.json: PEFT can't use it"),
    "cut": (lambda f: _cut(f / _WEIGHTS), "adapter_model.safetensors: expected .* by its header"),
    "pointer": (lambda f: (f / _WEIGHTS).write_bytes(_POINTER), "adapter_model.safetensors: .* Git LFS pointer"),
    "empty": (lambda f: (f / _WEIGHTS).write_bytes(b""), "adapter_model.safetensors: expected a safetensors file"),
    "none": (lambda f: (f / _WEIGHTS).unlink(), "expected adapter_model.safetensors"),
}
"""Damage to an adapter, and what is said of it."""

_CHECKPOINTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a list": (lambda f: (f / "args.json").write_text("[]"), "args.json: expected a JSON object"),
    "no JSON": (lambda f: (f / "args.json").write_bytes(b"\xff{"), "args.json: expected JSON"),
    "no text": (lambda f: adapters.edit(f / "args.json", model={"x": 1}), "which is not on this machine"),
    "weights": (
        lambda f: (f / "model.safetensors").write_bytes(_POINTER),
        "checkpoint-4/model.safetensors: .* pointer",
    ),
    "cut": (lambda f: _cut(f / "model.safetensors"), "checkpoint-4/model.safetensors: expected .* by its header"),
    "config": (lambda f: (f / "config.json").write_text("[]"), "checkpoint-4/config.json: expected a JSON object"),
    "size": (
        lambda f: adapters.edit(f / "config.json", hidden_size="x"),
        "checkpoint-4/config.json: expected a number",
    ),
    "link": (lambda f: (shutil.rmtree(f), f.symlink_to("..")), "expected the folder of a model, with one of"),
}
"""Damage to the last checkpoint of an output, and what is said of it."""


@pytest.mark.parametrize("damage", _ADAPTERS)
def test_a_damaged_adapter_is_refused(place: Workspace, tmp_path: Path, damage: str) -> None:
    """By the file that is at fault, and nothing of it is stored."""
    do, said = _ADAPTERS[damage]
    folder = adapters.adapter(tmp_path / "my-adapter", kind="AutoModel")
    do(folder)
    with pytest.raises(ModelAbsent, match=said):
        model_of(place, str(folder))
    assert not list(place.cache.rglob("*.json"))


@pytest.mark.parametrize("damage", _CHECKPOINTS)
def test_a_damaged_checkpoint_is_refused(place: Workspace, tmp_path: Path, damage: str) -> None:
    """By its own path, and not by that of the copy that was being made of it."""
    do, said = _CHECKPOINTS[damage]
    output = adapters.swift_output(tmp_path / "output")
    do(output / "v0-20260101-000000/checkpoint-4")
    with pytest.raises(ModelAbsent, match=said):
        model_of(place, str(output))
    assert not list(place.cache.rglob("*.json"))
