"""Encoders such as BERT in both trainers: pooled as their base says, all weights and adapters, the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from tcmbench import plugins
from tcmbench.errors import SpecError
from tcmbench.models import agreement, folder
from tcmbench.specs.base import Base, Pooling
from tests.trainers.tiny import (
    QUERY_PROMPT,
    embedding_rows,
    info_nce,
    make_job,
    reranker_rows,
    row_vectors,
    train,
    train_here,
    worker_job,
    write_bert,
    write_encoder,
    write_rows,
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore")


def encoder_base(pooling: Pooling, **changes: object) -> Base:
    """Return the base that describes the folder of `write_bert`."""
    fields = {"name": "bert", "kind": "embedding", "path": "bert", "architecture": "bert", "pooling": pooling}
    return Base.model_validate({**fields, "max_length": 128, "query_prompt": QUERY_PROMPT, **changes})


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["swift", "sentence_transformers"])
@pytest.mark.parametrize(("pooling", "tuner", "normalize"), [("mean", "full", True), ("cls", "lora", False)])
def test_encoders_train_with_the_pooling_of_their_base(
    tmp_path: Path, trainer: str, pooling: Pooling, tuner: str, normalize: bool
) -> None:
    """The first loss is InfoNCE of the base's own vectors, and the finished model is the trained one in every way."""
    write_bert(tmp_path / "base")
    base = encoder_base(pooling, normalize=normalize)
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16))
    job = make_job(tmp_path, base=base, train_file=file, rows=16, trainer=trainer, tuner=tuner, training={"dropout": 0})
    outcome = train(job)
    vectors = row_vectors(job.base_dir, base.model_copy(update={"normalize": True}), embedding_rows(8))
    assert outcome.curves[0].loss == pytest.approx(info_nce(*vectors, temperature=0.05), abs=1e-4)
    judged = {name: value for name, value in outcome.parity.items() if "=" in name}
    ways = {"swift", "transformers", "weights"} if trainer == "swift" else {"memory"}
    assert judged.keys() == {f"{way}=evaluation" for way in (*ways, *(["adapter"] if tuner == "lora" else []))}
    assert max(judged.values()) < 1e-5
    assert outcome.parity["change"] > 1e-3
    assert (outcome.model_dir / "modules.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "tuner"), [("bert", "lora"), ("xlm-roberta", "full")])
def test_cross_encoders_agree_every_way(tmp_path: Path, family: str, tuner: str) -> None:
    """An encoder gets a head with one label, or trains the one that it has; evaluation gives the pairs' tokens."""
    if family == "bert":
        write_bert(tmp_path / "base")
        # many embedding models have no pooler; and their files must not become those of the reranker
        weights = load_file(tmp_path / "base/model.safetensors")
        kept = {name: weight for name, weight in weights.items() if not name.startswith("pooler.")}
        assert len(kept) == len(weights) - 2
        save_file(kept, tmp_path / "base/model.safetensors", metadata={"format": "pt"})
        kind = "sentence_transformers.models.Pooling"
        modules = json.dumps([{"path": "1_Pooling", "type": kind}])
        (tmp_path / "base/modules.json").write_text(modules, encoding="utf-8")
        (tmp_path / "base/1_Pooling").mkdir()
    else:
        write_encoder(tmp_path / "base", XLMRobertaForSequenceClassification, XLMRobertaConfig, num_labels=1)
    base = Base.model_validate(
        {"name": "pairs", "kind": "reranker", "path": "pairs", "architecture": family, "max_length": 128}
    )
    base = agreement.settled(base, tmp_path / "base")
    file = write_rows(tmp_path / "train.jsonl", reranker_rows(16, negatives=2, instruction=""))
    job = make_job(tmp_path, base=base, train_file=file, rows=16, head="classification", tuner=tuner)
    outcome = train(job)
    judged = {name: value for name, value in outcome.parity.items() if "=" in name}
    assert {"swift=evaluation", "transformers=evaluation", "weights=evaluation"} <= judged.keys()
    assert max(judged.values()) < 1e-5
    assert outcome.parity["change"] > 1e-3
    files = {path.name for path in outcome.model_dir.iterdir()}
    assert "model.safetensors" in files
    assert not files & {"modules.json", "1_Pooling", "config_sentence_transformers.json"}


def test_a_pooler_of_zeros_is_drawn() -> None:
    """A cross-encoder's gradients go through it; one with weights stays as it is."""
    pytest.importorskip("swift")
    import torch

    from tcmbench.trainers._swift.plugin.encoder_types import draw_pooler

    shape = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    network = BertForSequenceClassification(BertConfig(**shape, intermediate_size=8, num_labels=1))
    weight = network.bert.pooler.dense.weight
    before = weight.detach().clone()
    draw_pooler(network)
    assert torch.equal(weight, before)
    with torch.no_grad():
        weight.zero_()
    draw_pooler(network)
    assert 0.005 < float(weight.std()) < 0.05


@pytest.mark.usefixtures("callbacks_of_transformers")
@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_activations_that_are_computed_again_change_nothing(tmp_path: Path, tuner: str) -> None:
    """Gradient checkpointing gives the weights of a training without it, also where only adapters have gradients."""
    write_bert(tmp_path / "bert")
    base = encoder_base("mean")
    weights = []
    for again in (False, True):
        place = tmp_path / str(again)
        place.mkdir()
        train_here(worker_job(place, base, tmp_path / "bert", tuner=tuner, training={"gradient_checkpointing": again}))
        weights.append(load_file(place / "work/model/model.safetensors"))
    moved = max(float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0])
    assert moved < 1e-6


@pytest.mark.usefixtures("callbacks_of_transformers")
def test_a_dropout_of_zero_makes_the_first_loss_exact(tmp_path: Path) -> None:
    """A BERT has a dropout of 0.1: its first loss is InfoNCE of its vectors where the recipe turns that off."""
    write_bert(tmp_path / "bert")
    base = encoder_base("cls")
    exact = info_nce(*row_vectors(tmp_path / "bert", base, embedding_rows(8)), temperature=0.05)
    first = {}
    for rate in (None, 0.0):
        (tmp_path / str(rate)).mkdir()
        first[rate] = train_here(worker_job(tmp_path / str(rate), base, tmp_path / "bert", training={"dropout": rate}))
    assert first[0.0].curves[0].loss == pytest.approx(exact, abs=1e-4)
    assert first[None].curves[0].loss != pytest.approx(exact, abs=1e-3)


@pytest.mark.usefixtures("callbacks_of_transformers")
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_an_encoder_without_modules_json_gets_one(tmp_path: Path, pooling: Pooling, tuner: str) -> None:
    """A plain encoder is pooled as its base says, and its tuned folder says so itself."""
    write_bert(tmp_path / "bert")
    job = worker_job(tmp_path, encoder_base(pooling), tmp_path / "bert", tuner=tuner)
    parity = train_here(job).parity
    assert max(value for way, value in parity.items() if "=" in way) < 1e-5
    assert parity["change"] > 1e-3
    assert folder.facts(job.work_dir / "model")["pooling"].value == pooling


@pytest.mark.parametrize("trainer", ["sentence_transformers", "swift"])
def test_inputs_beyond_the_positions_are_refused_before_anything_starts(tmp_path: Path, trainer: str) -> None:
    """The first long text would end the training, perhaps after hours; the last position is fine."""
    pytest.importorskip("swift")
    write_bert(tmp_path / "bert")
    for length in (1000, 1001):
        job = make_job(
            tmp_path,
            base=encoder_base("mean"),
            base_dir=tmp_path / "bert",
            train_file=tmp_path / "t",
            rows=8,
            training={"max_length": length},
            trainer=trainer,
        )
        one = plugins.use("trainers", trainer, {})
        if length == 1000:
            one.module.check(job, options=one.options)
            continue
        with pytest.raises(SpecError, match=r"max_length = 1001, but base bert has 1000 positions .*config.json"):
            one.module.check(job, options=one.options)
