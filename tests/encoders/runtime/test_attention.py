"""The attention of a base reaches its network, and one that can't be computed is refused before weights are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tcmbench import models
from tcmbench.encoders import cross_encoder, model_meta, sentence_transformers
from tcmbench.encoders.runtime.attention import attention_arguments, explained
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.errors import MissingExtra, SpecError
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse
from tcmbench.workspace import bundled_content, find

TEXTS = ["头痛发热三日", "今天天气很好，我们去公园散步吧！" * 9, "咳嗽", "", "口干舌燥，夜间盗汗" * 3]
FIELDS = {"name": "some", "kind": "embedding", "path": ".", "pooling": "last"}


def model_of(name: str, **settings: Any) -> models.Model:
    """Return a bundled model with other settings."""
    bundled = models.base_model(find(bundled_content()), name)
    base = bundled.base.model_copy(update=settings)
    return replace(bundled, base=base, revision=models.revision(base, bundled.model_dir))


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-reranker"])
def test_attention_is_part_of_the_revision_and_reaches_the_network(name: str) -> None:
    """Other implementations round otherwise, so their scores are kept apart."""
    eager, default = model_of(name, attention="eager"), model_of(name)
    assert eager.revision != default.revision == model_of(name, attention=None).revision
    loaded: list[Any] = [models.load(model, cache=None, device="cpu") for model in (eager, default)]
    networks = [getattr(model, "inner", model).model[0].auto_model for model in loaded]
    assert [network.config._attn_implementation for network in networks] == ["eager", "sdpa"]


def test_vectors_of_both_implementations_agree() -> None:
    """They differ by rounding."""
    found = []
    for attention in ("eager", "sdpa"):
        loaded = models.load(model_of("mini-zh", attention=attention), cache=None, device="cpu")
        assert isinstance(loaded, CachedEncoder)
        found.append(loaded.encode_list(TEXTS))
    np.testing.assert_allclose(*found, atol=1e-5)


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-reranker"])
def test_flash_attention_without_a_gpu_is_refused(name: str) -> None:
    """It has no other implementation."""
    model = model_of(name, attention="flash_attention_2", dtype="bfloat16")
    encoder: Any = cross_encoder if model.base.kind == "reranker" else sentence_transformers
    meta = model_meta(model.base, name=model.name, revision=model.revision)
    with pytest.raises(SpecError, match=r"GPU with CUDA alone.*loaded on cpu.*Set another `attention`"):
        encoder.load(model.base, options=encoder.Options(), model_dir=model.model_dir, meta=meta, seed=0, device="cpu")


def test_flash_attention_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that installs it; with it, the argument is passed."""
    base = parse(Base, {**FIELDS, "attention": "flash_attention_2", "dtype": "bfloat16"}, where="test")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="pip install flash-attn"):
        attention_arguments(base, device=None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert attention_arguments(base, device="cuda:1") == {"attn_implementation": "flash_attention_2"}
    assert attention_arguments(base, device="meta") == {}


def test_flash_attention_in_full_precision_is_refused() -> None:
    """It has no float32; a training, which has it, leaves the attention to transformers."""
    full = parse(Base, {**FIELDS, "attention": "flash_attention_2"}, where="test")
    with pytest.raises(SpecError, match="has no float32"):
        attention_arguments(full, device="cuda")
    half = parse(Base, {**FIELDS, "attention": "flash_attention_2", "dtype": "float16"}, where="test")
    assert half.in_full_precision() == parse(Base, FIELDS, where="test")


@pytest.mark.parametrize(
    "fields", [{"encoder": "vllm"}, {"encoder": "onnx"}, {"encoder": "openvino"}, {"architecture": "static"}], ids=str
)
def test_attention_that_nothing_reads_is_refused(fields: dict[str, str]) -> None:
    """It would give one computation two revisions."""
    with pytest.raises(SpecError, match="is not computed by transformers"):
        parse(Base, {**FIELDS, **fields, "attention": "sdpa"}, where="test")


def test_only_errors_about_attention_are_explained_by_it() -> None:
    """A library that is too old for it is one; a network whose sizes don't fit isn't."""
    base = parse(Base, {**FIELDS, "attention": "sdpa"}, where="test")
    with (
        pytest.raises(MissingExtra, match=r"requires at least version `2\.3\.3`\. Remove `attention`"),
        explained(base),
    ):
        raise ImportError("FlashAttention2 has been toggled on, but FlashAttention2 requires at least version `2.3.3`.")
    with pytest.raises(ValueError, match="multiple of the number of attention heads"), explained(base):
        raise ValueError("The hidden size (32) is not a multiple of the number of attention heads (5)")


def test_a_network_without_that_attention_is_refused(tmp_path: Path) -> None:
    """By the message of transformers, with the base's name and what to do."""
    from transformers import XLMConfig, XLMModel

    from tcmbench.encoders.runtime.opening import open_model

    bundled = models.base_model(find(bundled_content()), "mini-zh").model_dir
    assert bundled is not None
    for path in bundled.glob("tokenizer*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    XLMModel(XLMConfig(vocab_size=32, emb_dim=32, n_layers=1, n_heads=2)).save_pretrained(tmp_path)
    base = parse(Base, {**FIELDS, "attention": "sdpa"}, where="test")
    with pytest.raises(SpecError, match=r"base some: .*attention = \"sdpa\""):
        open_model(tmp_path, base, device="cpu")


def test_the_budget_counts_real_tokens_where_texts_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flash attention computes the texts of a batch as one row."""
    bundled = models.base_model(find(bundled_content()), "mini-zh")
    loaded = models.load(bundled, cache=None, device="cpu")
    assert isinstance(loaded, CachedEncoder)
    model = loaded.inner.model
    expected = loaded.encode_list(TEXTS)
    lengths = sorted(loaded.inner.token_lengths(TEXTS))
    budget = sum(lengths[1:])
    monkeypatch.setattr(model[0], "can_flatten_inputs", True)
    options = sentence_transformers.Options(batch_tokens=budget)
    meta = loaded.mteb_model_meta
    joined = sentence_transformers.SentenceTransformersEncoder(model, base=bundled.base, options=options, meta=meta)
    # on a processor the network itself can't join them
    monkeypatch.setattr(model[0], "can_flatten_inputs", False)
    sizes: list[int] = []
    encode = joined.encode_texts
    monkeypatch.setattr(joined, "encode_texts", lambda texts: sizes.append(len(texts)) or encode(texts))
    encoder = CachedEncoder(joined, cache_dir=None)
    np.testing.assert_allclose(encoder.encode_list(TEXTS), expected, atol=1e-5)
    assert sizes == [len(TEXTS) - 1, 1]
    assert encoder.padded_tokens == encoder.encoded_tokens
