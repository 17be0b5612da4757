"""A model without its weights has its tokenizer and settings, and its files are checked as ever."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from tcmbench import models
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.encoders.runtime.without_weights import without_weights
from tcmbench.errors import MissingExtra, ModelAbsent
from tcmbench.records.model import Model
from tcmbench.workspace import bundled_content, find


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Model, Path]:
    """The bundled model, and a copy of its folder."""
    model = models.base_model(find(bundled_content(), cache=tmp_path), "mini-zh")
    assert model.model_dir is not None
    return model, Path(shutil.copytree(model.model_dir, tmp_path / "folder"))


@pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="needs accelerate")
def test_parameters_have_shapes_only(copied: tuple[Model, Path]) -> None:
    """Afterwards models are loaded as before."""
    from transformers import PreTrainedModel

    before = PreTrainedModel.__dict__["from_pretrained"]
    model, folder = copied
    with without_weights():
        opened = open_model(folder, model.base, device="meta")
    assert all(parameter.is_meta for parameter in opened.parameters())
    assert opened.preprocess(["咳嗽"], prompt="")["input_ids"].shape[1] > 1
    assert PreTrainedModel.__dict__["from_pretrained"] is before


@pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="needs accelerate")
def test_weights_that_are_missing_are_noticed(copied: tuple[Model, Path]) -> None:
    """By their names in the files: the engine that computes with them doesn't always notice."""
    from safetensors.torch import load_file, save_file

    model, folder = copied
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in sorted(weights) if "down_proj" in name))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with without_weights(), pytest.raises(ModelAbsent, match="1 weights of the network are not in the files"):
        open_model(folder, model.base, device="meta")


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="pip install accelerate"), without_weights():
        pass
