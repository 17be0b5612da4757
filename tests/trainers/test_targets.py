"""Losses whose target is in the training file: scores with weights, and the scores of a teacher."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tcmbench.errors import BadLines, SpecError
from tcmbench.specs.base import Base
from tcmbench.trainers import TrainingJob
from tcmbench.trainers._runtime import train_file
from tests.trainers.tiny import (
    embedding_rows,
    make_job,
    plan,
    row_vectors,
    train,
    train_here,
    worker_job,
    write_rows,
)  # fmt: skip

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("callbacks_of_transformers")]

WEIGHTS = (1.0, 0.5, 1.5, 0.0)
SCORES = (0.95, -0.4, 0.0, 0.3, 1.0)


def scored_rows(count: int = 16, *, weighted: bool = True) -> list[dict[str, object]]:
    """Return pairs with scores and weights."""
    rows: list[dict[str, object]] = [
        {**row, "label": SCORES[i % 5]} for i, row in enumerate(embedding_rows(count, negatives=0))
    ]
    return [{**row, "weight": WEIGHTS[i % 4]} for i, row in enumerate(rows)] if weighted else rows


def taught_rows(count: int = 16, *, negatives: int = 2) -> list[dict[str, object]]:
    """Return rows with the scores of a teacher, as logits."""
    drawn = np.random.default_rng(3).normal(size=(count, 1 + negatives)).round(3)
    rows = embedding_rows(count, negatives=negatives)
    return [{**row, "teacher": scores} for row, scores in zip(rows, drawn.tolist(), strict=True)]


def job_of(
    folder: Path, base: Base, base_dir: Path, rows: list[dict[str, object]], *, dims: bool = False, **training: Any
) -> TrainingJob:
    """Return a training on the rows by sentence-transformers, with Matryoshka dimensions where asked for."""
    options = {**training.pop("options", {}), **({"matryoshka_dims": [32, 8]} if dims else {})}
    job = worker_job(folder, base, base_dir, rows=len(rows), training={**training, "options": options})
    write_rows(job.train_file, rows)
    return job


def cosines(base_dir: Path, base: Base, rows: list[dict[str, object]], *, dim: int = 32) -> NDArray[np.float64]:
    """Return the similarities of each query to its documents by the first dimensions of the base."""
    queries, documents = (vectors[:, :dim] for vectors in row_vectors(base_dir, base, rows))
    grouped = documents.reshape(len(queries), -1, dim)
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(grouped, axis=2)
    found: NDArray[np.float64] = np.einsum("id,ijd->ij", queries, grouped) / lengths
    return found


def weighted_mse(similarities: NDArray[np.float64], rows: list[dict[str, Any]]) -> float:
    """Return the mean of weight · (similarity − score)²."""
    errors = [row["weight"] * (s - row["label"]) ** 2 for s, row in zip(similarities[:, 0], rows, strict=True)]
    return float(np.mean(errors))


def margin_mse(similarities: NDArray[np.float64], rows: list[dict[str, Any]], *, teacher_temperature: float) -> float:
    """Return the mean squared difference of the margins."""
    teacher = np.array([row["teacher"] for row in rows]) / teacher_temperature
    margins = [scores[:, :1] - scores[:, 1:] for scores in (similarities, teacher)]
    return float(np.mean((margins[0] - margins[1]) ** 2))


def distill_kl(similarities: NDArray[np.float64], rows: list[dict[str, Any]], *, teacher_temperature: float) -> float:
    """Return the mean of KL(teacher ‖ student), where the student's temperature is 0.1."""
    teacher, student = np.array([row["teacher"] for row in rows]) / teacher_temperature, similarities / 0.1
    p, q = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) for scores in (teacher, student))
    return float(np.mean(np.sum(p * np.log(p / q), axis=1)))


@pytest.mark.parametrize("dims", [False, True])
@pytest.mark.parametrize("loss", ["weighted_mse", "margin_mse", "distill_kl"])
def test_the_first_loss_is_the_formula(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str, dims: bool
) -> None:
    """On the first batch, summed over the prefixes of the vectors; evaluation loads what was trained."""
    rows = scored_rows() if loss == "weighted_mse" else taught_rows()
    options = {} if loss == "weighted_mse" else {"teacher_temperature": 2.0}
    student = {"temperature": 0.1} if loss == "distill_kl" else {}
    job = job_of(tmp_path, embedding_base, embedding_dir, rows, dims=dims, loss=loss, options=options, **student)
    result = train_here(job)
    expected = 0.0
    for dim in (32, 8) if dims else (32,):
        found = cosines(embedding_dir, embedding_base, rows[:8], dim=dim)
        if loss == "weighted_mse":
            expected += weighted_mse(found, rows[:8])
        else:
            expected += {"margin_mse": margin_mse, "distill_kl": distill_kl}[loss](
                found, rows[:8], teacher_temperature=2.0
            )
    assert result.curves[0].loss == pytest.approx(expected, abs=2e-4)
    assert result.parity["memory=evaluation"] < 1e-5


def test_cosent_is_the_formula(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """log(1 + the sum of exp((s_i − s_j) / τ) over pairs i and j where i has the lower score)."""
    rows = scored_rows(weighted=False)
    result = train_here(job_of(tmp_path, embedding_base, embedding_dir, rows, loss="cosent", temperature=0.1))
    found = cosines(embedding_dir, embedding_base, rows[:8])[:, 0]
    labels = np.array([row["label"] for row in rows[:8]], dtype=float)
    is_lower = labels[:, None] < labels
    expected = np.log1p(np.exp((found[:, None] - found) / 0.1)[is_lower].sum())
    assert result.curves[0].loss == pytest.approx(float(expected), abs=1e-3)


def test_a_student_comes_closer_to_its_teacher(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """The dev examples have a teacher too, and their loss falls."""
    rows = [{**row, "teacher": [0.9, 0.1, -0.1]} for row in taught_rows(80)]
    job = job_of(tmp_path, embedding_base, embedding_dir, rows, loss="margin_mse")
    dev = write_rows(tmp_path / "dev.jsonl", rows[:8])
    curves = train_here(dataclasses.replace(job, dev_file=dev)).curves
    losses = [point.dev_loss for point in curves if point.dev_loss is not None]
    assert losses[-1] < losses[0]
    assert [point.margin for point in curves if point.margin is not None]


@pytest.mark.parametrize(
    ("loss", "change", "said"),
    [
        ("weighted_mse", {"label": 1.5}, r":3: the score 1\.5 is outside -1 to 1.*scale the scores.*cosent"),
        ("weighted_mse", {"label": None}, r":3: loss weighted_mse needs a label"),
        ("weighted_mse", {"weight": -0.5}, r":3: weight: Input should be greater than or equal to 0"),
        ("cosent", {"weight": 2.0}, r":3: the weight 2, which loss cosent of the sentence_transf.*weighted_mse"),
        ("distill_kl", {"teacher": None}, r":3: loss distill_kl needs teacher"),
        ("margin_mse", {"teacher": [1.0, 0.5]}, r":3: expected 3 scores in teacher .*found 2"),
    ],
)
def test_rows_that_the_loss_cannot_use_are_refused(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str, change: dict[str, object], said: str
) -> None:
    """The message names file and line, in the training set and among the dev examples."""
    scored = loss in {"weighted_mse", "cosent"}
    rows = scored_rows(weighted=loss == "weighted_mse") if scored else taught_rows()
    wrong = [{**row, **(change if i == 2 else {})} for i, row in enumerate(rows)]
    job = job_of(tmp_path, embedding_base, embedding_dir, rows, loss=loss)
    train_file.check(job)
    dev = write_rows(tmp_path / "dev.jsonl", wrong)
    with pytest.raises(BadLines, match=rf"dev\.jsonl{said}"):
        train_file.check(dataclasses.replace(job, dev_file=dev))
    write_rows(job.train_file, wrong)
    with pytest.raises(BadLines, match=rf"train\.jsonl{said}"):
        train_file.check(job)


def test_a_teacher_needs_a_negative(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """One document has nothing to be compared with."""
    job = job_of(tmp_path, embedding_base, embedding_dir, taught_rows(negatives=0), loss="distill_kl")
    with pytest.raises(BadLines, match=r":1: loss distill_kl compares documents of a row.*choose a miner"):
        train_file.check(job)


def test_ms_swift_refuses_scores_and_weights_that_it_cannot_use(tmp_path: Path, embedding_base: Base) -> None:
    """Its cosine_similarity is a mean squared error without weights."""
    for change, said in (({"label": -1.5}, "outside -1 to 1"), ({"weight": 2.0}, "of the swift trainer ignores")):
        rows = [{**row, **(change if i == 4 else {})} for i, row in enumerate(scored_rows(weighted=False))]
        file = write_rows(tmp_path / "train.jsonl", rows)
        job = make_job(tmp_path, base=embedding_base, train_file=file, rows=16, training={"loss": "cosine_similarity"})
        with pytest.raises(BadLines, match=rf":5: the .*{said}"):
            train_file.check(job)


def test_other_losses_have_no_teacher(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """An option that would be ignored is refused."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, training={"options": {"teacher_temperature": 2.0}})
    with pytest.raises(SpecError, match=r"teacher_temperature goes with loss margin_mse, distill_kl, not with infonce"):
        plan(job)


@pytest.mark.slow
def test_ms_swift_reads_files_with_a_teacher(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """A file that another loss uses trains as it does without the teacher's scores and with weights of 1."""
    losses = []
    for name, rows in (("plain", embedding_rows(16, negatives=2)), ("taught", taught_rows())):
        (tmp_path / name).mkdir()
        full = [{**row, "weight": 1.0} if "teacher" in row else row for row in rows]
        file = write_rows(tmp_path / name / "train.jsonl", full)
        job = make_job(tmp_path / name, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=16)
        losses.append([point.loss for point in train(job).curves])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("trainer", "loss"), [("sentence_transformers", "weighted_mse"), ("swift", "contrastive")])
def test_a_temperature_that_the_loss_would_ignore_is_refused(
    tmp_path: Path, embedding_base: Base, trainer: str, loss: str
) -> None:
    """Else a search over it would train the same model again and again."""
    with pytest.raises(SpecError, match=f"training.temperature goes with loss infonce.*not with {loss}"):
        make_job(
            tmp_path, base=embedding_base, train_file=tmp_path / "none.jsonl", rows=8, trainer=trainer,
            training={"loss": loss, "temperature": 0.1},
        )  # fmt: skip
