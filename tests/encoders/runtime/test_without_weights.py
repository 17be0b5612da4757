"""A model without its weights has its tokenizer and settings, and reads no file of weights."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.encoders.runtime.without_weights import without_weights
from tcmbench.workspace import bundled_content, find

if TYPE_CHECKING:
    from pathlib import Path


def test_no_weights_are_read_and_none_are_made_up(tmp_path: Path) -> None:
    """Its parameters have shapes only; afterwards models are loaded as before."""
    from transformers import PreTrainedModel

    before = PreTrainedModel.__dict__["from_pretrained"]
    model = models.base_model(find(bundled_content(), cache=tmp_path), "mini-zh")
    assert model.model_dir is not None
    folder = tmp_path / "folder"
    shutil.copytree(model.model_dir, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    with without_weights():
        opened = open_model(folder, model.base, device="meta")
    assert all(parameter.is_meta for parameter in opened.parameters())
    assert opened.preprocess(["咳嗽"], prompt="")["input_ids"].shape[1] > 1
    assert PreTrainedModel.__dict__["from_pretrained"] is before
