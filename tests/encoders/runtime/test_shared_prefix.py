"""Candidates that share their query's forward have the scores of whole inputs; other architectures read those."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from torch.nn import Identity

from tcmbench.encoders import cross_encoder, model_meta
from tcmbench.encoders.cross_encoder import Options, Reranker
from tcmbench.encoders.runtime import shared_prefix
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse

BUNDLED = Path(__file__).parents[3] / "models" / "mini-zh-reranker"
QUERIES = ["头痛发热三日，恶寒无汗，周身酸楚" * 6, "咳嗽", "今天天气很好，我们去公园散步吧！" * 4]
DOCUMENTS = ["风寒束表，头痛恶寒" * n for n in (1, 9, 3, 14, 2)] + ["肺", "", "风寒"]
PAIRS = [(query, document) for document in DOCUMENTS for query in QUERIES] + [("口干", "阴虚")]
TINY = {
    "vocab_size": 10_240, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 1024, "pad_token_id": 10_236,
}  # fmt: skip


def tiny(folder: Path, kind: str, **settings: Any) -> Path:
    """Write a reranker of random weights with the bundled one's tokenizer, template and layout."""
    import transformers

    shutil.copytree(BUNDLED, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"), dirs_exist_ok=True)
    shutil.copytree(BUNDLED / "1_LogitScore", folder / "1_LogitScore", dirs_exist_ok=True)
    torch.manual_seed(3)
    config = getattr(transformers, f"{kind}Config")(**{**TINY, **settings})
    network = getattr(transformers, f"{kind}ForCausalLM")(config)
    for name, weight in network.named_parameters():
        if weight.dim() > 1 and "embed" not in name:
            weight.data.mul_(4)  # so that scores depend on the texts by more than rounding
    network.save_pretrained(folder)
    return folder


def reranker(folder: Path, *, instruction: str = "检索", max_length: int = 1024, tokens: int = 700) -> Reranker:
    """Return a folder's model in mteb's interface."""
    model = CrossEncoder(str(folder), max_length=max_length, device="cpu", local_files_only=True)
    fields = {"name": "tiny", "kind": "reranker", "path": ".", "instruction": instruction, "max_length": max_length}
    base = parse(Base, fields, where="test")
    return Reranker(
        model, base=base, options=Options(batch_tokens=tokens), meta=model_meta(base, name="tiny", revision="1")
    )


def scores(model: Reranker) -> Any:
    """Return the scores of all pairs as evaluation computes them."""
    return model.predict([{"text": [query for query, _ in PAIRS]}], [{"text": [document for _, document in PAIRS]}])


def alone(model: Reranker) -> Any:
    """Return the scores of all pairs, each computed by itself."""
    prompt = model._instruction or None
    return [float(model.model.predict([pair], prompt=prompt, activation_fn=Identity())[0]) for pair in PAIRS]


@pytest.mark.parametrize("kind", ["bundled", "Qwen3", "Qwen2", "Llama"])
def test_scores_are_those_of_each_pair_alone(tmp_path: Path, kind: str) -> None:
    """Whatever the lengths, in batches of several sizes; the query's tokens are computed once."""
    model = reranker(BUNDLED if kind == "bundled" else tiny(tmp_path, kind))
    assert model._prefix is not None
    expected = alone(model)
    assert np.ptp(expected) > 0.05
    for tokens in (1, 700, 100_000):
        model._batches.budget = tokens
        np.testing.assert_allclose(scores(model), expected, atol=1e-5, rtol=0)
    assert model.encoded_texts == 3 * len(PAIRS)
    model._batches.padded = model._batches.tokens = 0
    model._batches.budget = 1
    scores(model)
    assert model.padded_tokens < 0.7 * model.encoded_tokens


def test_inputs_that_are_cut_within_the_query_have_their_scores(tmp_path: Path) -> None:
    """Candidates of a query that fills the whole input differ in nothing; one token of each is computed at least."""
    model = reranker(tiny(tmp_path, "Qwen3"), max_length=64)
    assert model._prefix is not None
    np.testing.assert_allclose(scores(model), alone(model), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Mistral", {"sliding_window": 16}),
        ("Qwen3", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}),
        ("Llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}}),
        ("OPT", {"ffn_dim": 96, "word_embed_proj_dim": 64}),
    ],
)
def test_other_networks_read_whole_inputs(tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    """A sliding window, and positions that depend on the length of the input."""
    model = reranker(tiny(tmp_path, kind, **settings))
    assert model._prefix is None
    assert scores(model).shape == (len(PAIRS),)


def test_a_template_that_reads_the_document_first_shares_nothing(tmp_path: Path) -> None:
    """Only what stands before the document is common to all candidates."""
    folder = tiny(tmp_path, "Qwen3")
    template = folder / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    swapped = text.replace("~ query ~", "~ other ~").replace("~ document ~", "~ query ~").replace("other", "document")
    template.write_text(swapped, encoding="utf-8")
    model = reranker(folder)
    assert model._prefix is None
    np.testing.assert_allclose(scores(model), alone(model), atol=1e-5, rtol=0)


def test_a_head_of_one_label_shares_nothing() -> None:
    """The states of an encoder's tokens depend on all others."""
    from torch import nn

    assert shared_prefix.of(nn.Sequential(nn.Linear(2, 2)), prompt=None) is None


def test_memory_that_runs_out_halves_the_batch_of_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefix is not computed again, and the scores are the same."""
    model = reranker(BUNDLED, tokens=100_000)
    expected = scores(model)
    prefix = model._prefix
    assert prefix is not None
    logits, begin, begun = prefix.logits, prefix.begin, []

    def scarce(candidates: Any, cache: Any) -> Any:
        if len(candidates.inputs) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return logits(candidates, cache)

    monkeypatch.setattr(prefix, "logits", scarce)
    monkeypatch.setattr(prefix, "begin", lambda candidates: begun.append(1) or begin(candidates))
    np.testing.assert_allclose(scores(model), expected, atol=1e-5, rtol=0)
    assert len(begun) == len(QUERIES)


def test_a_prefix_is_shared_where_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor from a quarter of the tokens on; on a GPU, where it saves a batch, too."""
    model = reranker(BUNDLED)
    prefix = model._prefix
    assert prefix is not None

    def pays(count: int, length: int) -> bool:
        return prefix.pays(shared_prefix.QueryInputs([[0] * length] * count, 500))

    assert [pays(2, 1000), pays(2, 1001), pays(20, 1900), pays(20, 1901)] == [True, False, True, False]
    monkeypatch.setattr(type(model.model), "device", torch.device("cuda"))
    assert [pays(2, 750), pays(17, 750), pays(18, 750)] == [False, False, True]


def test_queries_go_together_where_they_are_read_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache of vLLM has a query's tokens while its candidates follow each other."""
    monkeypatch.setattr(cross_encoder.Reranker, "_shared_prefix", lambda _: None)
    monkeypatch.setattr(cross_encoder.Reranker, "portion_tokens", 1500)
    model = reranker(BUNDLED)
    whole = alone(model)
    asked: list[set[str]] = []
    one_by_one = model._one_by_one

    def noted(pairs: Any, lengths: Any) -> Any:
        asked.append({query for query, _ in pairs})
        return one_by_one(pairs, lengths)

    monkeypatch.setattr(model, "_one_by_one", noted)
    np.testing.assert_allclose(scores(model), whole, atol=1e-5, rtol=0)
    assert len(asked) > 1
    assert sum(map(len, asked)) == len(set.union(*asked))
