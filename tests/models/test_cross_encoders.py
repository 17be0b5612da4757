"""Adapters and checkpoints of cross-encoders that were tuned elsewhere score as the network that was trained."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models
from tcmbench.errors import ModelAbsent, ParityError
from tcmbench.models import adapter_merge, pair_scores
from tests.models.adapters import model_of
from tests.trainers.tiny import SIGNS, write_encoder

pytest.importorskip("peft")

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

PAIRS = [(query, document) for query, _ in SIGNS[:3] for _, document in SIGNS]


def cross_encoder(folder: Path, *, head: bool = True) -> Path:
    """Write a random encoder with a head of one label, or without a head."""
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    network = BertForSequenceClassification if head else BertModel
    write_encoder(folder, network, BertConfig, initializer_range=0.2, **({"num_labels": 1} if head else {}))
    return folder


def adapter(folder: Path, base: Path, **settings: Any) -> Path:
    """Write a LoRA adapter of random weights over the base with a head of one label."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    adapted = get_peft_model(_network(base), LoraConfig(r=4, target_modules=["query", "value"], **settings))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    adapted.save_pretrained(folder)
    return folder


def _network(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(2)  # of a head that is drawn
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32).eval()


def scores_of(network: Any, folder: Path) -> np.ndarray:
    """Return the logits of the pairs by transformers, one by one."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        logits = [float(network(**tokenizer(*pair, return_tensors="pt")).logits) for pair in PAIRS]
    return np.array(logits)


def scores_here(place: Workspace, folder: Path, base: Path) -> np.ndarray:
    """Return the logits of the pairs in evaluation."""
    model = model_of(place, str(folder), tuned_from=str(base))
    assert model.base.kind == "reranker"
    queries, documents = ([{"text": list(texts)}] for texts in zip(*PAIRS, strict=True))
    return np.asarray(models.load(model, cache=place.store.root).predict(queries, documents))  # type: ignore[union-attr]


@pytest.mark.parametrize("task_type", ["SEQ_CLS", None])
def test_an_adapter_scores_as_beside_its_base(place: Workspace, tmp_path: Path, task_type: str | None) -> None:
    """With a head of its own (PEFT keeps it for SEQ_CLS) and with that of its base; without Qwen3's chat template."""
    from peft import PeftModel

    base = cross_encoder(tmp_path / "ce")
    folder = adapter(tmp_path / "adapter", base, task_type=task_type)
    expected = scores_of(PeftModel.from_pretrained(_network(base), str(folder)).eval(), base)
    actual = scores_here(place, folder, base)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert np.ptp(expected) > 0.01


def test_a_checkpoint_of_swift_scores_as_its_network(place: Workspace, tmp_path: Path) -> None:
    """All weights, with the arguments of a training of a reranker."""
    base = cross_encoder(tmp_path / "ce")
    folder = tmp_path / "tuned"
    shutil.copytree(base, folder)
    settings = {"model": str(base), "task_type": "reranker", "tuner_type": "full"}
    (folder / "args.json").write_text(json.dumps(settings), encoding="utf-8")
    np.testing.assert_allclose(scores_here(place, folder, base), scores_of(_network(folder), base), atol=1e-5)


def test_an_adapter_over_an_encoder_without_a_head_brings_it(tmp_path: Path) -> None:
    """Otherwise the head would be random numbers, of which transformers only warns."""
    from peft import PeftModel

    base = cross_encoder(tmp_path / "headless", head=False)
    origin = _origin(base)
    whole = adapter(tmp_path / "whole", base, task_type="SEQ_CLS", modules_to_save=["pooler"])
    network = adapter_merge._network(origin, base, _names(whole), whole)
    expected = scores_of(PeftModel.from_pretrained(_network(base), str(whole)).eval(), base)
    np.testing.assert_allclose(scores_of(PeftModel.from_pretrained(network, str(whole)).eval(), base), expected)
    part = adapter(tmp_path / "part", base)
    with pytest.raises(ModelAbsent, match=r"neither it nor its base headless has classifier\.bias"):
        adapter_merge._network(origin, base, _names(part), part)


def test_a_folder_that_is_read_differently_is_refused(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: the scores of the finished folder are compared with those of the network."""
    base = cross_encoder(tmp_path / "ce")
    folder = adapter(tmp_path / "adapter", base)
    monkeypatch.setattr(pair_scores, "by_evaluation", lambda *_, **__: np.zeros(3, dtype=np.float32))
    with pytest.raises(ParityError, match="scores pairs differently than its network"):
        scores_here(place, folder, base)


def _names(folder: Path) -> list[str]:
    from peft import load_peft_weights

    return sorted(load_peft_weights(str(folder), device="cpu"))


def _origin(folder: Path) -> Any:
    from types import SimpleNamespace

    from tcmbench.specs.base import Base

    base = Base(name="headless", kind="reranker", path=str(folder))
    return SimpleNamespace(name="headless", base=base, model_dir=folder)
