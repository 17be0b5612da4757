"""Losses of ms-swift's plug-in: their formulas in NumPy, and trainings from the first logged loss to the model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tests.trainers.tiny import (
    embedding_rows,
    make_job,
    plan,
    reranker_rows,
    row_vectors,
    train,
    write_rows,
)  # fmt: skip

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("callbacks_of_transformers")]

LOGITS = np.array([[0.2, 1.0, -0.4, 0.1], [2.0, -1.0, 0.5, 1.9], [-3.0, 4.0, 0.0, -0.5]])
"""Of the positive and three negatives of each row."""


def softplus(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(1 + exp(v))."""
    return np.logaddexp(0.0, values)


def ranknet(logits: NDArray[np.float64]) -> float:
    """Return the mean of log(1 + exp(s⁻ − s⁺))."""
    return float(softplus(logits[:, 1:] - logits[:, :1]).mean())


def margin_ranking(logits: NDArray[np.float64], margin: float = 0.5) -> float:
    """Return the mean of the hinge."""
    return float(np.maximum(0, margin - (logits[:, :1] - logits[:, 1:])).mean())


def listnet(logits: NDArray[np.float64]) -> float:
    """Return the cross-entropy of the softmax of the labels 1, 0, 0 … and that of the logits."""
    labels = np.zeros(logits.shape)
    labels[:, 0] = 1
    target, predicted = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (labels, logits))
    return float(-(target * np.log(predicted)).sum(axis=1).mean())


def lambdaloss(logits: NDArray[np.float64], k: int | None = 2, mu: float = 10.0) -> float:
    """Return NDCG-Loss2++, pair by pair: the relevant document has rank i, the irrelevant one j."""
    losses = []
    for row in logits:
        ranks = np.empty(len(row), dtype=int)
        ranks[np.argsort(-row)] = np.arange(1, len(row) + 1)
        i = ranks[0]
        for j, score in zip(ranks[1:], row[1:], strict=True):
            if k is not None and min(i, j) > k:
                continue
            # the ideal DCG of one relevant document is 1, and so is its gain
            rho = abs(1 / np.log2(1 + i) - 1 / np.log2(1 + j))
            delta = abs(1 / np.log2(1 + abs(i - j)) - 1 / np.log2(2 + abs(i - j)))
            losses.append((rho + mu * delta) * softplus(score - row[0]) / np.log(2))
    return float(np.mean(losses))


FORMULAS: dict[str, Any] = {
    "ranknet": ranknet, "margin_ranking": margin_ranking, "listnet": listnet, "lambdaloss": lambdaloss,
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of a training for its plug-in."""
    from tcmbench.trainers._swift.plugin import guard_file

    path = tmp_path / guard_file.NAME
    path.write_text(json.dumps({"temperature": 0.1, "margin": 0.5, "ndcg_at": 2}), encoding="utf-8")
    monkeypatch.setenv(guard_file.VARIABLE, str(path))


@pytest.mark.slow
@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("name", FORMULAS)
def test_a_loss_of_rerankers_is_its_formula(name: str) -> None:
    """From logits and labels as ms-swift passes them, with a gradient that raises the positive."""
    import torch
    from swift.loss import loss_map

    from tcmbench.trainers._swift.plugin import row_losses

    row_losses.register()
    logits = torch.tensor(LOGITS, dtype=torch.float32).reshape(-1, 1).requires_grad_()
    labels = torch.tensor([1, 0, 0, 0] * len(LOGITS))
    loss = loss_map[f"tcmbench_{name}"](None, object())(SimpleNamespace(logits=logits), labels, num_items_in_batch=None)
    assert loss.item() == pytest.approx(FORMULAS[name](LOGITS), abs=1e-5)
    loss.backward()
    assert logits.grad is not None
    gradient = logits.grad.reshape(LOGITS.shape)
    assert (gradient[:, 0] < 0).all()


@pytest.mark.slow
@pytest.mark.usefixtures("settings")
def test_cosent_is_its_formula() -> None:
    """From the two vectors of each pair in turn."""
    import torch

    from tcmbench.trainers._swift.plugin import row_losses

    vectors = np.random.default_rng(0).normal(size=(10, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.array([0.0, 1.0, 0.5, 0.5, -2.0])
    outputs = {"last_hidden_state": torch.tensor(vectors, dtype=torch.float32)}
    loss = row_losses.CoSENT(None, object())(outputs, torch.tensor(labels, dtype=torch.float32))
    assert loss.item() == pytest.approx(cosent((vectors[::2] * vectors[1::2]).sum(axis=1), labels), abs=1e-4)


def cosent(cosines: NDArray[np.float64], labels: NDArray[np.float64], *, temperature: float = 0.1) -> float:
    """Return log(1 + the sum over pairs where the first has the lower score)."""
    return float(np.log1p(np.exp((cosines[:, None] - cosines) / temperature)[labels[:, None] < labels].sum()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "head", "tuner", "options"),
    [
        ("ranknet", "generative", "full", {}),
        ("listnet", "generative", "lora", {}),
        ("lambdaloss", "generative", "full", {"ndcg_at": 2}),
        ("margin_ranking", "classification", "full", {"margin": 0.5}),
    ],
)
def test_rerankers_train(
    tmp_path: Path, reranker_base: Base, reranker_dir: Path, loss: str, head: str, tuner: str, options: dict[str, Any]
) -> None:
    """The first logged loss is the formula on the base's logits of the first batch; all ways give the same scores."""
    rows = reranker_rows(24, negatives=3)
    file = write_rows(tmp_path / "train.jsonl", rows)
    job = make_job(
        tmp_path, base=reranker_base, base_dir=reranker_dir, train_file=file, rows=24, head=head, tuner=tuner,
        training={"loss": loss, "batch_size": 4, "options": options},
    )  # fmt: skip
    outcome = train(job)
    # a classification head is drawn at random
    if head == "generative":
        logits = base_logits(reranker_dir, rows[:4])
        assert outcome.curves[0].loss == pytest.approx(FORMULAS[loss](logits), rel=1e-3)
    losses = [point.loss for point in outcome.curves if point.loss is not None]
    assert losses[-1] < losses[0]
    assert outcome.parity["change"] > 1e-3
    assert max(value for name, value in outcome.parity.items() if "=" in name) < 1e-5


def base_logits(folder: Path, rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    """Return evaluation's logits of each row's documents."""
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    pairs = [
        (row["messages"][-1]["content"], messages[0]["content"])
        for row in rows
        for messages in (*row["positive_messages"], *row["negative_messages"])
    ]
    scores = model.predict(pairs, prompt=rows[0]["messages"][0]["content"], activation_fn=torch.nn.Identity())
    return np.asarray(scores, dtype=np.float64).reshape(len(rows), -1)


@pytest.mark.slow
def test_scored_pairs_train_with_cosent(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Scores of any size, whose order alone counts; the first logged loss is the formula."""
    labels = np.array([0.0, 3.0, -1.5, 3.0] * 4)
    rows = [{**row, "label": label} for row, label in zip(embedding_rows(16, negatives=0), labels, strict=True)]
    file = write_rows(tmp_path / "train.jsonl", rows)
    job = make_job(
        tmp_path, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=16,
        training={"loss": "cosent", "temperature": 0.1},
    )  # fmt: skip
    outcome = train(job)
    queries, documents = row_vectors(embedding_dir, embedding_base, rows[:8])
    assert outcome.curves[0].loss == pytest.approx(cosent((queries * documents).sum(axis=1), labels[:8]), abs=1e-3)
    assert outcome.parity["swift=evaluation"] < 1e-5


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (
            {"loss": "ranknet", "options": {"margin": 2.0}},
            r"options\.margin goes with loss margin_ranking, not with ra",
        ),
        ({"options": {"ndcg_at": 10}}, r"options\.ndcg_at goes with loss lambdaloss, not with pointwise_reranker"),
    ],
)
def test_options_of_other_losses_are_refused(
    tmp_path: Path, reranker_base: Base, reranker_dir: Path, training: dict[str, object], said: str
) -> None:
    """They would be ignored."""
    file = write_rows(tmp_path / "train.jsonl", reranker_rows(8))
    job = make_job(tmp_path, base=reranker_base, base_dir=reranker_dir, train_file=file, rows=8, training=training)
    with pytest.raises(SpecError, match=said):
        plan(job)
