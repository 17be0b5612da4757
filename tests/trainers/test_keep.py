"""What a training keeps of its base: each cure's limits, its formula in NumPy, and exact resuming."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tcmbench.errors import SpecError, TrainingError
from tcmbench.specs.base import Base
from tcmbench.trainers import General, TrainingJob
from tcmbench.trainers._runtime import general
from tcmbench.trainers._sentence_transformers import early_stop, keep_loss, start_pull
from tests.trainers.tiny import embedding_rows, info_nce, plan, row_vectors, train, train_here, worker_job, write_static

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("callbacks_of_transformers")]

TEXTS = "general.jsonl"
"""Name of the file in a recipe; its content is handed to the trainer by `keeping`."""

STATIC = Base.model_validate(
    {"name": "table", "kind": "embedding", "path": "table", "architecture": "static", "normalize": False}
)


def keeping(folder: Path, base: Base, base_dir: Path, *, rows: int = 24, count: int = 20, **keep: Any) -> TrainingJob:
    """Return a job with the table `[training.keep]`, and general texts where it reads any."""
    folder.mkdir(parents=True, exist_ok=True)
    reads = {"distillation", "margin_loss"} & keep.keys()
    settings = {"texts": TEXTS, "texts_per_step": 8, **keep} if reads else keep
    rate = {"learning_rate": 0.1} if base.architecture == "static" else {}
    job = worker_job(folder, base, base_dir, rows=rows, training={**rate, "keep": settings})
    if not reads:
        return job
    lines = [{"query": f"第{n}个问题是什么", "positive": f"第{n}个问题的答案在此"} for n in range(count)]
    texts = folder / TEXTS
    texts.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    read = general.read(texts, base, job.variant.training.keep)
    vectors = folder / "vectors.safetensors"
    general.write_vectors(vectors, general.base_vectors(base_dir, base, read.texts, max_length=128, device="cpu"))
    return dataclasses.replace(job, general=General(texts, vectors))


def weights(job: TrainingJob) -> bytes:
    """Return the weights that a training wrote."""
    return next((job.work_dir / "model").rglob("model.safetensors")).read_bytes()


def vectors_of(base_dir: Path, base: Base, job: TrainingJob) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the positions of the first general batch, and unit vectors of all general texts by a folder."""
    assert job.general is not None
    read = general.read(job.general.texts, base, job.variant.training.keep)
    chosen = keep_loss.positions(read.distilled, step=0, size=8, seed=job.seed)
    vectors = general.base_vectors(base_dir, base, read.texts, max_length=128, device="cpu")
    return tuple(chosen), vectors.astype(np.float64)


@pytest.mark.parametrize("keep", [{"distillation": 0.0}, {"l2_sp": 0.0}, {"layer_decay": 1.0}, {"frozen_layers": 0}])
def test_a_weight_of_zero_is_the_untreated_training(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, keep: dict[str, Any]
) -> None:
    """To the bit, also with general texts named."""
    plain = worker_job(tmp_path, embedding_base, embedding_dir)
    train_here(plain)
    treated = keeping(tmp_path / "treated", embedding_base, embedding_dir, **keep)
    train_here(treated)
    assert weights(treated) == weights(plain)


@pytest.mark.parametrize("distance", ["cosine", "relational"])
def test_the_term_is_the_formula(distance: str) -> None:
    """Cosine: mean of 1 − cos; relational: mean squared difference of the off-diagonal similarities."""
    import torch

    drawn = np.random.default_rng(3)
    ours, base = drawn.normal(size=(2, 6, 5))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (ours, base)]
    if distance == "cosine":
        expected = np.mean(1 - np.sum(unit[0] * unit[1], axis=1))
    else:
        difference = unit[0] @ unit[0].T - unit[1] @ unit[1].T
        expected = np.mean(difference[~np.eye(6, dtype=bool)] ** 2)
    term = {"cosine": keep_loss.cosine_distance, "relational": keep_loss.relational_distance}[distance]
    value = term(torch.tensor(ours, dtype=torch.float32), torch.tensor(unit[1], dtype=torch.float32))
    assert float(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "relational"])
def test_the_logged_loss_is_the_sum_on_the_same_batches(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, distance: str
) -> None:
    """At the start the distance is 0; after a training on a far base it is that of NumPy on the drawn texts."""
    job = keeping(tmp_path, embedding_base, embedding_dir, distillation=3.0, distance=distance)
    assert job.general is not None
    queries, documents = row_vectors(embedding_dir, embedding_base, embedding_rows(8))
    task = info_nce(queries, documents, temperature=0.05)
    assert train_here(job).curves[0].loss == pytest.approx(task, abs=1e-4)
    # vectors of another base, so that the distance of the first batch is large
    chosen, ours = vectors_of(embedding_dir, embedding_base, job)
    drawn = np.random.default_rng(5).normal(size=ours.shape)
    other = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    general.write_vectors(job.general.vectors, other)
    shutil.rmtree(job.work_dir)
    batch, target = ours[list(chosen)], other[list(chosen)].astype(np.float64)
    if distance == "cosine":
        term = np.mean(1 - np.sum(batch * target, axis=1))
    else:
        term = np.mean(((batch @ batch.T - target @ target.T)[~np.eye(8, dtype=bool)]) ** 2)
    assert train_here(job).curves[0].loss == pytest.approx(task + 3.0 * term, abs=2e-4)


def test_tokens_of_general_texts_are_counted(tmp_path: Path) -> None:
    """Three batches of eight texts come on top of what the untreated training reads."""
    write_static(tmp_path / "static")
    plain = train_here(keeping(tmp_path / "plain", STATIC, tmp_path / "static", l2_sp=1e-9))
    job = keeping(tmp_path / "distilled", STATIC, tmp_path / "static", distillation=1.0)
    assert job.general is not None
    from sentence_transformers import SentenceTransformer

    read = general.read(job.general.texts, STATIC, job.variant.training.keep)
    chosen = [keep_loss.positions(read.distilled, step=step, size=8, seed=job.seed) for step in range(3)]
    tokenizer = SentenceTransformer(str(tmp_path / "static"), device="cpu").tokenizer
    counted = sum(len(tokenizer.encode(read.texts[place]).ids) for batch in chosen for place in batch)
    assert train_here(job).tokens == plain.tokens + counted


@pytest.mark.parametrize("kind", ["qwen3", "static"])
def test_a_large_weight_stays_near_the_base(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, kind: str
) -> None:
    """Distillation and L2-SP each keep the vectors of general texts nearer to the base's than the plain training."""
    base, base_dir = (STATIC, tmp_path / "static") if kind == "static" else (embedding_base, embedding_dir)
    if kind == "static":
        write_static(base_dir)
    drift = {}
    recipes: dict[str, dict[str, Any]] = {
        "plain": {"distillation": 1e-9},
        "distilled": {"distillation": 100.0},
        "pulled": {"l2_sp": 5.0, "distillation": 1e-9},
    }
    for name, keep in recipes.items():
        job = keeping(tmp_path / name, base, base_dir, rows=80, **keep)
        train_here(job)
        _, before = vectors_of(base_dir, base, job)
        _, after = vectors_of(job.work_dir / "model", base, job)
        drift[name] = float(np.mean(1 - np.sum(before * after, axis=1)))
    assert drift["distilled"] < 0.5 * drift["plain"]
    assert drift["pulled"] < drift["plain"]


def test_an_infinite_pull_is_the_base(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """With any share from 1 on the weights are the base's after each step, so the training is refused as empty."""
    job = keeping(tmp_path, embedding_base, embedding_dir, l2_sp=1e12)
    with pytest.raises(TrainingError, match="equals its base"):
        train_here(job)
    written = load_file(job.work_dir / "model" / "model.safetensors")
    for name, before in load_file(embedding_dir / "model.safetensors").items():
        assert np.array_equal(written[name.removeprefix("model.")], before)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 3.0), (0.25, 2.5), (1.0, 1.0), (7.0, 1.0)])
def test_the_pull_is_a_share_of_the_way(share: float, expected: float) -> None:
    """W ← w + min(1, share) · (start − w)."""
    import torch

    weight = torch.tensor([3.0])
    start_pull.pull(weight, torch.tensor([1.0]), share=share)
    assert weight.tolist() == [expected]


@pytest.mark.parametrize(
    "keep", [{"frozen_layers": 1}, {"frozen_tokens": True}, {"frozen_layers": 2, "frozen_tokens": True}]
)
def test_frozen_weights_are_the_base(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, keep: dict[str, Any]
) -> None:
    """Frozen weights are the base's to the bit, and all others have moved."""
    job = keeping(tmp_path, embedding_base, embedding_dir, **keep)
    train_here(job)
    after = load_file(job.work_dir / "model" / "model.safetensors")
    for name, before in load_file(embedding_dir / "model.safetensors").items():
        short = name.removeprefix("model.")
        frozen = any(short.startswith(f"layers.{n}.") for n in range(int(str(keep.get("frozen_layers", 0))))) or (
            short.startswith("embed_tokens") and bool(keep.get("frozen_tokens"))
        )
        assert np.array_equal(after[short], before) == frozen, name


def test_lower_layers_learn_more_slowly(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """At a decay near zero only the top layer and what lies above it move."""
    job = keeping(tmp_path, embedding_base, embedding_dir, layer_decay=1e-9)
    train_here(job)
    after = load_file(job.work_dir / "model" / "model.safetensors")
    for name, before in load_file(embedding_dir / "model.safetensors").items():
        short = name.removeprefix("model.")
        moved = float(np.abs(after[short] - before).max())
        assert (moved < 1e-6) == short.startswith(("layers.0.", "embed_tokens")), name


@pytest.mark.parametrize(
    "keep",
    [{"distillation": 1.0}, {"distillation": 1.0, "distance": "relational"}, {"l2_sp": 2.0}, {"layer_decay": 0.5}],
)
def test_resuming_is_exact(tmp_path: Path, embedding_base: Base, embedding_dir: Path, keep: dict[str, Any]) -> None:
    """From a checkpoint on, the same texts are distilled on and the pull has the same start."""
    jobs = [keeping(tmp_path / name, embedding_base, embedding_dir, rows=80, **keep) for name in ("whole", "cut")]
    train_here(jobs[0])
    shutil.copytree(jobs[0].work_dir / "run" / "checkpoint-5", jobs[1].work_dir / "run" / "checkpoint-5")
    train_here(jobs[1])
    assert weights(jobs[0]) == weights(jobs[1])


@pytest.fixture
def falling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a static base whose margin falls by the mean distance of the weights from its own."""
    write_static(tmp_path / "static")
    (start,) = load_file(next((tmp_path / "static").rglob("model.safetensors"))).values()

    def measure(model: SentenceTransformer, *_: object, **__: object) -> float:
        (weight,) = (weight.detach().numpy() for weight in model.parameters())
        return 0.5 - float(np.abs(weight - start).mean())

    monkeypatch.setattr(early_stop, "margin_of", lambda *_: 0.5)
    monkeypatch.setattr(early_stop, "_measure", measure)
    return tmp_path / "static"


def test_early_stopping_returns_the_last_weights_within_the_bound(tmp_path: Path, falling: Path) -> None:
    """It reports its checks, its result is the model of that step, and a second start ends the same."""
    unbounded = keeping(tmp_path / "all", STATIC, falling, rows=80, margin_loss=2.0, checks=10)
    margins = [margin for _, margin in train_here(unbounded).general_margins]
    assert len(margins) == 11
    bound = (margins[0] - margins[4] + margins[0] - margins[5]) / 2
    job = keeping(tmp_path / "cut", STATIC, falling, rows=80, margin_loss=bound, checks=10)
    result = train_here(job)
    assert result.stopped_after == 4
    assert result.general_margins == tuple(enumerate(margins[:6]))
    assert result.rows is not None
    assert result.rows.read == 40
    first = weights(job)
    # a checkpoint of the step that broke the bound is there, as after a kill before the answer
    assert (job.work_dir / "run" / "checkpoint-5").is_dir()
    again = train_here(job)
    assert (again.stopped_after, again.general_margins) == (4, result.general_margins)
    assert weights(job) == first
    plain = worker_job(tmp_path, STATIC, falling, rows=80, training={"learning_rate": 0.1, "save_steps": 4})
    with pytest.MonkeyPatch.context() as patch:
        # the training deletes all checkpoints but the last two
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        train_here(plain)
    (kept,) = load_file(plain.work_dir / "run" / "checkpoint-4" / "model.safetensors").values()
    (ours,) = load_file(next((job.work_dir / "model").rglob("model.safetensors"))).values()
    assert np.array_equal(ours, kept)


def test_a_bound_that_the_first_check_breaks_is_an_error(tmp_path: Path, falling: Path) -> None:
    """No weights are within it; the message says what to change."""
    job = keeping(tmp_path / "job", STATIC, falling, rows=80, margin_loss=0.0, checks=2)
    with pytest.raises(TrainingError, match=r"no weights are within it.*Lower training\.learning_rate"):
        train_here(job)


def test_the_margin_is_that_of_the_dev_split() -> None:
    """Cosine similarity to the own text minus that to the closest other one, mean over pairs."""
    texts = general.PromptedTexts(("", "", "", ""), ((0, 1), (2, 3)), ())
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    # 1 − 0.6 for the first pair, and 0.8 − 0 for the second
    assert early_stop.margin_of(vectors, texts) == pytest.approx((0.4 + 0.8) / 2)


@pytest.mark.parametrize(
    ("static", "keep", "expected"),
    [
        (True, {"frozen_tokens": True}, "one table of token vectors.*l2_sp"),
        (True, {"layer_decay": 0.5}, "one table of token vectors.*l2_sp"),
        (False, {"frozen_layers": 3}, "has 2 layers"),
    ],
)
def test_settings_of_absent_layers_are_refused(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, static: bool, keep: dict[str, Any], expected: str
) -> None:
    """Before anything starts."""
    job = keeping(tmp_path, STATIC if static else embedding_base, embedding_dir, **keep)
    with pytest.raises(SpecError, match=expected):
        plan(job)


def test_swift_refuses_what_it_cant_keep(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """It names the trainer that can; frozen layers are on its command line."""
    job = keeping(tmp_path, embedding_base, embedding_dir, l2_sp=1.0)
    swift = dataclasses.replace(job, variant=job.variant.model_copy(update={"trainer": "swift"}))
    with pytest.raises(SpecError, match=r'no keep\.l2_sp.*trainer = "sentence_transformers"'):
        plan(swift)
    job = keeping(tmp_path, embedding_base, embedding_dir, frozen_layers=1, frozen_tokens=True)
    swift = dataclasses.replace(job, variant=job.variant.model_copy(update={"trainer": "swift"}))
    command = plan(swift).command
    assert "embed_tokens" in command[command.index("--freeze_parameters_regex") + 1]


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_kept_checkpoints_are_the_models_of_their_steps(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, tuner: str
) -> None:
    """Four are kept beside the result, which is unchanged by that; each has the weights of its step."""
    plain = worker_job(tmp_path, embedding_base, embedding_dir, rows=80, tuner=tuner)
    assert train_here(plain).checkpoints == ()
    job = dataclasses.replace(
        plain, work_dir=tmp_path / "kept", variant=plain.variant.model_copy(update={"evaluate_checkpoints": True})
    )
    assert train_here(job).checkpoints == (2, 4, 6, 8)
    assert weights(job) == weights(plain)
    saving = plain.variant.training.model_copy(update={"save_steps": 8})
    at_eight = dataclasses.replace(
        plain, work_dir=tmp_path / "eight", variant=plain.variant.model_copy(update={"training": saving})
    )
    train_here(at_eight)
    kept = load_file(job.work_dir / "checkpoints/step-8/model.safetensors")
    if tuner == "full":
        ours = load_file(at_eight.work_dir / "run/checkpoint-8/model.safetensors")
        by_name = {name.rpartition("model.")[2]: value for name, value in ours.items()}
        assert by_name.keys() == kept.keys()
        assert all(np.array_equal(by_name[name], value) for name, value in kept.items())
    final = load_file(job.work_dir / "model/model.safetensors")
    before = load_file(embedding_dir / "model.safetensors")
    start = {name.removeprefix("model."): value for name, value in before.items()}
    moved = [
        sum(float(np.abs(value - start[name]).sum()) for name, value in of_step.items())
        for of_step in (load_file(job.work_dir / f"checkpoints/step-{step}/model.safetensors") for step in (2, 8))
    ]
    assert 0 < moved[0] < moved[1]
    assert not all(np.array_equal(final[name], value) for name, value in kept.items())


@pytest.mark.slow
def test_swift_freezes_the_same_weights(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Frozen weights are the base's to the bit, and the layer above them has moved."""
    job = keeping(tmp_path, embedding_base, embedding_dir, frozen_layers=1, frozen_tokens=True)
    outcome = train(dataclasses.replace(job, variant=job.variant.model_copy(update={"trainer": "swift"})))
    after = {
        name.removeprefix("model."): value for name, value in load_file(outcome.model_dir / "model.safetensors").items()
    }
    for name, before in load_file(embedding_dir / "model.safetensors").items():
        short = name.removeprefix("model.")
        frozen = short.startswith(("layers.0.", "embed_tokens"))
        if frozen or short.startswith("layers.1.mlp"):
            assert np.array_equal(after[short], before) == frozen, name
