"""Rerankers score pairs whatever their order and batches, with next to no padding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch.nn import Identity

from tcmbench import models
from tcmbench.encoders import model_meta
from tcmbench.encoders.cross_encoder import Options, Reranker, load
from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find
from tests.trainers.tiny import SIGNS, write_encoder

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = ["头痛发热三日", "咳嗽", "今天天气很好，我们去公园散步吧！" * 4, "咳嗽"] * 6
DOCUMENTS = ["风寒束表，头痛恶寒" * n for n in range(1, 24)] + ["风寒束表，头痛恶寒" * 2]


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    """The bundled reranker, which names no encoder of its own."""
    cache: Path = tmp_path_factory.mktemp("cache")
    loaded = models.load(models.base_model(find(bundled_content(), cache=cache), "mini-zh-reranker"), cache=cache)
    assert isinstance(loaded, Reranker)
    return loaded


def batches(texts: list[str]) -> Any:
    """Return texts as mteb's loader yields them."""
    return [{"text": texts[start : start + 5]} for start in range(0, len(texts), 5)]


def test_scores_are_those_of_the_model_in_the_order_asked(reranker: Reranker) -> None:
    """Sorted, deduplicated and batched by tokens, each pair has the logit that it has alone."""
    actual = reranker.predict(batches(QUERIES), batches(DOCUMENTS))
    pairs = list(zip(QUERIES, DOCUMENTS, strict=True))
    alone = [
        float(reranker.model.predict([pair], prompt=reranker._instruction, activation_fn=Identity())[0])
        for pair in pairs
    ]
    np.testing.assert_allclose(actual, alone, atol=1e-5)
    assert reranker.encoded_texts == len(set(pairs))


def test_a_classifier_of_several_labels_is_no_reranker(reranker: Reranker) -> None:
    """It has no one score to order documents by."""

    class Classifier:
        num_labels = 3

    base = Base(name="own", kind="reranker", path="own")
    with pytest.raises(SpecError, match="own: expected a reranker, whose head has one label, got a classifier with 3"):
        Reranker(Classifier(), base=base, options=Options(), meta=reranker.mteb_model_meta)


def test_a_sure_reranker_ties_no_pairs(reranker: Reranker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight times the logits is the same order: no sigmoid rounds the best ones to 1.0, where they would tie."""
    before = reranker.predict(batches(QUERIES), batches(DOCUMENTS))
    (norm,) = [p for name, p in reranker.model.named_parameters() if name.endswith("model.norm.weight")]
    monkeypatch.setattr(norm, "data", norm.data * 8)
    after = reranker.predict(batches(QUERIES), batches(DOCUMENTS))
    assert after.max() > 16.6
    assert len(set(before.tolist())) == len(set(after.tolist()))
    assert np.argsort(before, kind="stable").tolist() == np.argsort(after, kind="stable").tolist()


def test_pairs_are_counted_while_they_are_scored(reranker: Reranker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list from its first batch to its end; a repeated pair once."""
    monkeypatch.setattr("tcmbench.encoders.runtime.batches._REPORT_SECONDS", 0.0)
    computed: list[tuple[int, int]] = []
    reranker.report_to(lambda one: computed.append((one.texts, one.of_texts)))
    for _ in range(2):
        reranker.predict(batches(["咳嗽", "咳嗽", "口干"]), batches(["肺", "肺", "阴虚"]))
    reranker.report_to(None)
    assert computed[-1] == (2, 2)
    assert {total for _, total in computed} == {2}
    assert reranker.unit == "pairs"


def test_token_lengths_are_those_of_the_model_input(reranker: Reranker) -> None:
    """A pair's length is what reaches the transformer, template included, give or take a token."""
    pairs = list(dict.fromkeys(zip(QUERIES, DOCUMENTS, strict=True)))
    actual = reranker.token_lengths(pairs)
    expected = [
        int(reranker.model.preprocess([pair], prompt=reranker._instruction)["input_ids"].shape[1]) for pair in pairs
    ]
    # Where two texts meet, a merge can cross the border: one token, seldom.
    np.testing.assert_allclose(actual, expected, atol=1)


def test_no_pairs_have_no_scores(reranker: Reranker) -> None:
    """A task without candidates is no error."""
    assert reranker.predict([], []).shape == (0,)


def test_memory_that_runs_out_halves_the_batch(reranker: Reranker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch too large for the memory is scored in halves, to the same scores."""
    expected = reranker.predict(batches(QUERIES), batches(DOCUMENTS))
    predict = reranker.model.predict

    def scarce(pairs: list[tuple[str, str]], **options: Any) -> Any:
        if len(pairs) > 2:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return predict(pairs, **options)

    monkeypatch.setattr(reranker.model, "predict", scarce)
    actual = reranker.predict(batches(QUERIES), batches(DOCUMENTS))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_half_precision_ties_no_pairs(reranker: Reranker, tmp_path: Path) -> None:
    """Logits are computed in float32 from states in bfloat16, also where candidates share their query's forward."""
    workspace = find(bundled_content(), cache=tmp_path)
    model = models.base_model(workspace, "mini-zh-reranker")
    half = models.load(replace(model, base=model.base.model_copy(update={"dtype": "bfloat16"})), cache=tmp_path)
    assert isinstance(half, Reranker)
    documents = [f"{sign}，第{number}日" for sign in DOCUMENTS[:8] for number in range(12)]
    for query in QUERIES[:2]:
        queries = batches([query] * len(documents))
        full, actual = (one.predict(queries, batches(documents)) for one in (reranker, half))
        assert len(set(actual.tolist())) == len(set(full.tolist())) == len(documents)
        np.testing.assert_allclose(actual, full, atol=0.15)
    rounded = np.asarray([float(value) for value in actual], dtype=np.float32).view(np.uint32) & 0xFFFF
    assert rounded.any()


def test_a_head_of_one_label_in_half_precision_ties_no_pairs(tmp_path: Path) -> None:
    """With a bias that would leave a few steps of bfloat16 for all pairs."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    write_encoder(tmp_path, BertForSequenceClassification, BertConfig, initializer_range=0.2, num_labels=1)
    network = BertForSequenceClassification.from_pretrained(tmp_path)
    torch.nn.init.constant_(network.classifier.bias, 30.0)
    network.save_pretrained(tmp_path)
    base = Base(name="own", kind="reranker", path=str(tmp_path), dtype="bfloat16")
    meta = model_meta(base, name="own", revision="x")
    one = load(base, options=Options(), model_dir=tmp_path, meta=meta, seed=0, device="cpu")
    documents = [document * times for _, document in SIGNS for times in range(1, 7)]
    scores = one.predict(batches([SIGNS[0][0]] * len(documents)), batches(documents))
    assert len(set(scores.tolist())) == len(documents)
