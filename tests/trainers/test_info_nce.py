"""InfoNCE with its terms and mask: the formula in NumPy, both trainers' code on the same vectors, and trainings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Training
from tcmbench.trainers._swift import command
from tests.trainers.tiny import embedding_rows, make_job, plan, row_vectors, train, train_here, worker_job, write_rows

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("callbacks_of_transformers")]

TERMS: dict[str, dict[str, object]] = {
    "queries": {"query_query": True},
    "documents": {"document_document": True},
    "mask": {"mask_false_negatives": 0.1},
    "strict mask": {"mask_false_negatives": 0.0},
    "all": {"query_query": True, "document_document": True, "mask_false_negatives": 0.05},
}


def vectors(*, negatives: int, examples: int = 6, seed: int = 0) -> NDArray[np.float32]:
    """Return unit vectors [examples, query and documents, dimensions], some negatives closer than the positive."""
    drawn = np.random.default_rng(seed).normal(size=(examples, 2 + negatives, 8)).astype(np.float32)
    drawn[:, 1] += 0.3 * drawn[:, 0]
    unit: NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=2, keepdims=True)
    return unit


def by_formula(groups: NDArray[np.floating], training: Training) -> float:
    """Return the loss, pair by pair."""
    total = 0.0
    for i, group in enumerate(groups):
        query, positive = group[0], group[1]
        own = query @ positive
        limit = np.inf if training.mask_false_negatives is None else own + training.mask_false_negatives
        kept = []
        for j, other in enumerate(groups):
            kept += [query @ d for d in other[1:] if query @ d <= limit]
            if training.query_query and j != i and query @ other[0] <= limit:
                kept.append(query @ other[0])
            if training.document_document:
                kept += [positive @ d for k, d in enumerate(other[1:]) if (j, k) != (i, 0)]
        total += np.log(np.exp(np.array(kept) / training.temperature).sum()) - own / training.temperature
    return total / len(groups)


@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
@pytest.mark.parametrize("negatives", [0, 2])
def test_the_loss_is_the_formula(terms: dict[str, object], negatives: int) -> None:
    """Each term and the mask change the loss, to what the definition says."""
    import torch

    from tcmbench.trainers._sentence_transformers.info_nce import info_nce

    training = Training.model_validate({"temperature": 0.1, **terms})
    groups = vectors(negatives=negatives)
    # of any length, as those of static models are
    columns = [torch.from_numpy(3 * groups[:, column]) for column in range(2 + negatives)]
    expected = by_formula(groups.astype(np.float64), training)
    assert float(info_nce(columns, training)) == pytest.approx(expected, abs=1e-5)
    assert expected != pytest.approx(by_formula(groups, Training(temperature=0.1)), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
@pytest.mark.parametrize("negatives", [0, 2])
def test_ms_swift_computes_the_same(
    tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch, terms: dict[str, object], negatives: int
) -> None:
    """Its own loss, with the variables that the trainer sets, gives the number of the formula."""
    import torch
    from swift.loss.embedding import InfonceLoss

    training = {"temperature": 0.1, **terms}
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24, training=training)
    for name, value in command.environment(job, negatives=negatives).items():
        monkeypatch.setenv(name, value)
    groups = vectors(negatives=negatives)
    labels = torch.tensor(([1.0] + [0.0] * negatives) * len(groups))
    loss = InfonceLoss(None, object())({"last_hidden_state": torch.from_numpy(groups).reshape(-1, 8)}, labels)
    assert float(loss) == pytest.approx(by_formula(groups.astype(np.float64), job.variant.training), abs=1e-5)


def first_groups(embedding_dir: Path, base: Base, rows: list[dict[str, object]]) -> NDArray[np.float64]:
    """Return the base's vectors of rows, [examples, query and documents, dimensions]."""
    queries, documents = row_vectors(embedding_dir, base, rows)
    return np.concatenate([queries[:, None], documents.reshape(len(queries), -1, queries.shape[1])], axis=1)


@pytest.mark.parametrize(
    ("loss", "options"),
    [("infonce", {}), ("infonce", {"mini_batch_tokens": 60}), ("cached_mnrl", {"mini_batch_size": 3})],
)
def test_a_training_follows_the_recipe(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str, options: dict[str, object]
) -> None:
    """The first logged loss is the formula with all terms on the first batch; the model is what evaluation loads."""
    training = {"loss": loss, "options": options, **TERMS["all"]}
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=64, training=training)
    result = train_here(job)
    groups = first_groups(embedding_dir, embedding_base, embedding_rows(8))
    assert result.curves[0].loss == pytest.approx(by_formula(groups, job.variant.training), abs=1e-4)
    assert result.parity["memory=evaluation"] < 1e-5


@pytest.mark.parametrize("loss", ["infonce", "cached_mnrl"])
def test_matryoshka_sums_the_loss_of_each_prefix(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str
) -> None:
    """Also around a cached loss, with terms and mask."""
    training = {"loss": loss, "options": {"matryoshka_dims": [32, 8]}, **TERMS["all"]}
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=16, mined=0, training=training)
    result = train_here(job)
    groups = first_groups(embedding_dir, embedding_base, embedding_rows(8, negatives=0))
    prefixes = [groups[..., :dim] / np.linalg.norm(groups[..., :dim], axis=2, keepdims=True) for dim in (32, 8)]
    expected = sum(by_formula(prefix, job.variant.training) for prefix in prefixes)
    assert result.curves[0].loss == pytest.approx(expected, abs=2e-4)
    assert result.curves[0].accuracy == pytest.approx(accuracy_of(groups))


def accuracy_of(groups: NDArray[np.float64]) -> float:
    """Return the share of queries whose positive is the closest of all documents."""
    documents = groups[:, 1:].reshape(-1, groups.shape[2])
    closest = (groups[:, 0] @ documents.T).argmax(axis=1)
    return float(np.mean(closest == np.arange(len(groups)) * (groups.shape[1] - 1)))


@pytest.mark.parametrize("loss", ["infonce", "cached_mnrl"])
def test_the_log_states_the_accuracy_in_the_batch(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str
) -> None:
    """Each point has the share of its batch of eight, not that of the six dev examples."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=80, mined=0, training={"loss": loss})
    job = dataclasses.replace(job, dev_file=write_rows(tmp_path / "dev.jsonl", embedding_rows(6, negatives=0)))
    result = train_here(job)
    shares = [point.accuracy for point in result.curves if point.loss is not None]
    groups = first_groups(embedding_dir, embedding_base, embedding_rows(8, negatives=0))
    assert shares[0] == pytest.approx(accuracy_of(groups))
    assert 0 < accuracy_of(groups) < 1
    assert None not in shares
    assert shares[-1] > shares[0]  # type: ignore[operator]
    assert all(share is not None and share * 8 % 1 == 0 for share in shares)
    log = (job.work_dir / "run" / "logging.jsonl").read_text(encoding="utf-8")
    assert log.count('"accuracy": ') == len(shares) == 10


@pytest.mark.slow
def test_ms_swift_trains_on_the_same_loss(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Its first logged loss is the formula with all terms on the first batch."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16, negatives=2))
    job = make_job(
        tmp_path, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=16, training=TERMS["all"]
    )
    outcome = train(job)
    groups = first_groups(embedding_dir, embedding_base, embedding_rows(8, negatives=2))
    assert outcome.curves[0].loss == pytest.approx(by_formula(groups, job.variant.training), abs=1e-4)
    assert outcome.parity["swift=evaluation"] < 1e-5


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"loss": "gist", "query_query": True}, r"query_query goes with loss infonce, mnrl, cached_mnrl, matryoshka"),
        (
            {"loss": "cosent", "mask_false_negatives": 0.1},
            r"mask_false_negatives goes with loss infonce.*not with cose",
        ),
    ],
)
def test_other_losses_refuse_the_terms(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, training: dict[str, Any], said: str
) -> None:
    """They would ignore them."""
    with pytest.raises(SpecError, match=said):
        plan(worker_job(tmp_path, embedding_base, embedding_dir, training=training))


def test_terms_need_the_negatives_of_the_batch(tmp_path: Path, embedding_base: Base) -> None:
    """ms-swift leaves them out without a word where each example is on its own."""
    training = {"in_batch": False, "document_document": True}
    with pytest.raises(SpecError, match=r"document_document is about the other examples.*in_batch = true"):
        make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=24, training=training)


def test_a_mask_has_a_margin_that_spares_the_positive() -> None:
    """With a margin below 0 the positive itself would be left out."""
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Training(mask_false_negatives=-0.1)
