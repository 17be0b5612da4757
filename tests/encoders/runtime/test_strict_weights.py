"""A network is never measured with weights that its files don't hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tcmbench.encoders.cross_encoder import load as load_reranker
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.encoders.runtime.strict_weights import strict_weights
from tcmbench.errors import ModelAbsent
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find

Weights = dict[str, torch.Tensor]


def _changed(name: str, to: Path, change: Callable[[Weights], Weights]) -> Path:
    folder = Path(shutil.copytree(bundled_content() / "models" / name, to / name))
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})
    return folder


def _prefixed(weights: Weights) -> Weights:
    return {f"base_model.model.{name}": tensor for name, tensor in weights.items()}


def _without_a_layer(weights: Weights) -> Weights:
    return {name: tensor for name, tensor in weights.items() if "layers.1." not in name}


def _with_a_layer_more(weights: Weights) -> Weights:
    return {**weights, **{name.replace("layers.1.", "layers.9."): t.clone() for name, t in weights.items()}}


@pytest.mark.parametrize("model", ["mini-zh", "mini-zh-reranker"])
@pytest.mark.parametrize("change", [_prefixed, _without_a_layer, _with_a_layer_more])
def test_weights_that_do_not_fit_are_named(tmp_path: Path, model: str, change: Callable[[Weights], Weights]) -> None:
    """Missing and unexpected ones alike, of encoders and of rerankers."""
    base = find(bundled_content()).spec(Base, model)
    folder = _changed(model, tmp_path, change)
    with pytest.raises(ModelAbsent, match=r"weights of the (network are not in|files have no place)"):
        _open(folder, base)


@pytest.mark.parametrize("model", ["mini-zh", "mini-zh-reranker"])
def test_whole_models_load(model: str) -> None:
    """The bundled ones have all their weights, and nothing is left patched."""
    from transformers import AutoModel, PreTrainedModel

    folder = bundled_content() / "models" / model
    before = PreTrainedModel.__dict__["from_pretrained"]
    _open(folder, find(bundled_content()).spec(Base, model))
    assert PreTrainedModel.__dict__["from_pretrained"] is before
    assert type(AutoModel.from_pretrained(folder)).__name__ == "Qwen3Model"


def _open(folder: Path, base: Base) -> None:
    if base.kind == "embedding":
        open_model(folder, base)
        return
    from tcmbench.encoders import model_meta
    from tcmbench.encoders.cross_encoder import Options

    load_reranker(
        base,
        options=Options(),
        model_dir=folder,
        meta=model_meta(base, name=base.name, revision="x"),
        seed=0,
        device="cpu",
    )


def test_a_cross_encoder_needs_the_pooler_that_its_head_reads(tmp_path: Path) -> None:
    """Vectors don't depend on BERT's pooler, and scores do: a drawn one would give others at every start."""
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    config = BertConfig(vocab_size=8, hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=1)
    for network in (BertModel, BertForSequenceClassification):
        folder = tmp_path / network.__name__
        network(config).save_pretrained(folder)
        path = folder / "model.safetensors"
        kept = {name: weight for name, weight in load_file(path).items() if "pooler" not in name}
        save_file(kept, path, metadata={"format": "pt"})
    with strict_weights(tmp_path):
        BertModel.from_pretrained(tmp_path / "BertModel")
    with (
        pytest.raises(ModelAbsent, match=r"2 weights of the network are not in the files \(bert\.pooler"),
        strict_weights(folder),
    ):
        BertForSequenceClassification.from_pretrained(folder)
