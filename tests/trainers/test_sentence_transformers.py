"""sentence-transformers as a trainer: every loss and kind of base, exact resuming, refused recipes."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from tcmbench.errors import ParityError, SpecError, TcmbenchError, TrainingError
from tcmbench.specs.base import Base
from tcmbench.trainers import Step, TrainedRows
from tests.trainers.tiny import (
    embedding_rows,
    info_nce,
    plan,
    row_vectors,
    train,
    train_here,
    worker_job,
    write_rows,
    write_static,
)  # fmt: skip

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("callbacks_of_transformers")]


@pytest.mark.parametrize(
    ("loss", "tuner", "extra"),
    [
        ("mnrl", "lora", {}),
        ("cached_mnrl", "full", {"options": {"mini_batch_tokens": 64}}),
        ("gist", "full", {}),
        ("cached_gist", "full", {"options": {"mini_batch_size": 3}}),
        ("gist", "full", {"options": {"matryoshka_dims": [32, 16]}}),
        ("cached_gist", "full", {"options": {"mini_batch_tokens": 64, "matryoshka_dims": [32, 16]}}),
        ("matryoshka", "full", {"options": {"matryoshka_dims": [32, 16]}}),
    ],
)
def test_losses_teach_and_models_agree(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str, tuner: str, extra: dict[str, object]
) -> None:
    """Each loss falls, and what evaluation loads gives the numbers that the trained model gave in memory."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=64, tuner=tuner, training={"loss": loss, **extra})
    result = train_here(job)
    losses = [point.loss for point in result.curves if point.loss is not None]
    assert losses[-1] < losses[0]
    ways = {"memory=evaluation", "adapter=evaluation"} if tuner == "lora" else {"memory=evaluation"}
    assert result.parity.keys() == {*ways, "change"}
    assert max(result.parity[way] for way in ways) < 1e-5
    assert result.trained_parameters == (4096 if tuner == "lora" else 34816)
    files = {path.name for path in (job.work_dir / "model").rglob("*") if path.is_file()}
    assert {"modules.json", "model.safetensors", "tokenizer.json", "config_sentence_transformers.json"} <= files
    assert not {name for name in files if name.endswith((".bin", ".pt", ".py"))}
    assert "adapter_config.json" not in files


def test_scored_pairs_train_with_cosent(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """CoSENT takes two texts and their score."""
    rows = embedding_rows(16, negatives=0)
    for i, row in enumerate(rows):
        row["label"] = float(i % 2)
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=16, mined=0, training={"loss": "cosent"})
    write_rows(job.train_file, rows)
    assert train_here(job).parity["change"] > 1e-4


def test_batches_are_those_of_the_file(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """The first loss is InfoNCE of the first rows, over in-batch and mined negatives."""
    result = train_here(worker_job(tmp_path, embedding_base, embedding_dir))
    queries, documents = row_vectors(embedding_dir, embedding_base, embedding_rows(8))
    assert result.curves[0].loss == pytest.approx(info_nce(queries, documents, temperature=0.05), abs=1e-4)


@pytest.mark.parametrize("longest", [16, 128])
def test_the_trainer_cuts_at_the_longest_of_all_texts(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, longest: int
) -> None:
    """The training set has cut already; a lower limit of the model would cut documents again."""
    training = {"max_length": 16, "query_max_length": 16, "document_max_length": longest}
    result = train_here(worker_job(tmp_path, embedding_base, embedding_dir, training=training))
    queries, documents = row_vectors(embedding_dir, embedding_base, embedding_rows(8))
    whole = pytest.approx(info_nce(queries, documents, temperature=0.05), abs=1e-4)
    assert (result.curves[0].loss == whole) == (longest == 128)


@pytest.mark.parametrize("loss", ["cached_mnrl", "infonce"])
def test_a_batch_in_parts_has_the_same_loss(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, loss: str
) -> None:
    """However many texts or tokens are encoded at a time, the whole batch is contrasted, and learns the same."""
    sizes: dict[str, dict[str, int]] = {
        "whole": {},
        "tokens": {"mini_batch_tokens": 50},
        "one": {"mini_batch_tokens": 1},
    }
    if loss == "cached_mnrl":
        sizes["texts"] = {"mini_batch_size": 3}
    losses = {}
    for name, options in sizes.items():
        (tmp_path / name).mkdir()
        training = {"loss": loss, "options": options}
        result = train_here(worker_job(tmp_path / name, embedding_base, embedding_dir, training=training))
        losses[name] = [point.loss for point in result.curves]
    for name in sizes:
        assert losses[name] == pytest.approx(losses["whole"], abs=1e-4), name
    queries, documents = row_vectors(embedding_dir, embedding_base, embedding_rows(8))
    assert losses["whole"][0] == pytest.approx(info_nce(queries, documents, temperature=0.05), abs=1e-4)


def test_parts_are_as_large_as_their_padded_texts_allow() -> None:
    """A part has at most so many tokens with padding; a text that is longer has a part of its own."""
    from tcmbench.trainers._sentence_transformers.parts import parts_of

    assert parts_of([2, 3, 5, 5, 9, 30], tokens=10) == [range(2), range(2, 4), range(4, 5), range(5, 6)]
    assert parts_of([4, 4], tokens=100) == [range(2)]


def test_no_duplicates_draws_its_own_batches(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """The rule no_duplicates is sentence-transformers' sampler: eight equal positives a file make batches without."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, mined=0, rows=32, batch_rule="no_duplicates")
    result = train_here(job)
    queries, documents = row_vectors(embedding_dir, embedding_base, embedding_rows(8, negatives=0))
    assert result.curves[0].loss != pytest.approx(info_nce(queries, documents, temperature=0.05), abs=1e-4)


def test_a_frequent_label_leaves_no_small_batches(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Under no_duplicates all batches are full, though half of the rows have one positive."""
    rows = embedding_rows(32, negatives=0)
    for row in rows[::2]:
        row["positive_messages"] = rows[0]["positive_messages"]
    job = worker_job(
        tmp_path, embedding_base, embedding_dir, mined=0, rows=32, batch_rule="no_duplicates",
        training={"batch_size": 4},
    )  # fmt: skip
    write_rows(job.train_file, rows)
    result = train_here(job)
    assert [point.step for point in result.curves] == list(range(1, 9))
    # with one row alone, or two, it would be far below: the loss of four begins near log(4)
    assert min(point.loss for point in result.curves if point.loss is not None) > 0.1


def test_rows_that_are_drawn_again_are_counted(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """sentence-transformers fills batches of eight with rows that it had: the outcome says how many, tokens too."""
    rows = embedding_rows(24, negatives=0)
    for row in rows[8:]:
        row["positive_messages"] = rows[0]["positive_messages"]
    job = worker_job(tmp_path, embedding_base, embedding_dir, mined=0, rows=24, batch_rule="no_duplicates")
    write_rows(job.train_file, rows)
    result = train_here(job)
    assert result.rows is not None
    # each of the three batches holds the seven rare positives and one of the 17 rows of the frequent one
    assert result.rows.read == 24
    assert result.rows.repeated == result.rows.left_out >= 14
    # as many rows, but other ones, than in the order of the file
    plain = job.variant.model_copy(update={"batch_rule": "plain"})
    whole = train_here(dataclasses.replace(job, work_dir=tmp_path / "plain", variant=plain))
    assert whole.rows == TrainedRows(read=24)
    assert result.tokens != whole.tokens


def test_batches_that_no_draw_can_fill_are_refused(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Sixteen rows of eight positives don't fill a batch of sixteen; the message states the largest size."""
    job = worker_job(
        tmp_path, embedding_base, embedding_dir, mined=0, rows=32, batch_rule="no_duplicates",
        training={"batch_size": 16},
    )  # fmt: skip
    with pytest.raises(TrainingError, match=r"only 8 different positives\. Set training\.batch_size to 8 or less"):
        plan(job)


def test_a_dense_layer_is_tuned_with_the_rest(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Its tuned weights are what is written, not the base's."""
    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    model = SentenceTransformer(str(embedding_dir), device="cpu")
    network = SentenceTransformer(modules=[model[0], model[1], Dense(32, 16, bias=False), Normalize()], device="cpu")
    network.save_pretrained(str(tmp_path / "base"), create_model_card=False)
    job = worker_job(tmp_path, embedding_base, tmp_path / "base")
    assert train_here(job).parity["memory=evaluation"] < 1e-5
    (before,), (after,) = (
        load_file(folder / "2_Dense/model.safetensors").values()
        for folder in (tmp_path / "base", job.work_dir / "model")
    )
    assert float((before - after).abs().max()) > 1e-4


def test_static_models_train(tmp_path: Path) -> None:
    """A table of token vectors trains, stays a static model, and its tokens are counted."""
    write_static(tmp_path / "static")
    base = Base.model_validate(
        {"name": "table", "kind": "embedding", "path": "table", "architecture": "static", "normalize": False}
    )
    result = train_here(worker_job(tmp_path, base, tmp_path / "static", training={"learning_rate": 0.1}))
    assert result.parity["change"] > 1e-3
    assert result.parity["memory=evaluation"] < 1e-6
    assert result.tokens > 24 * 30


def test_the_dev_split_is_watched_and_changes_nothing(tmp_path: Path) -> None:
    """A dev file gives a curve of its own; the weights are those of a training without one."""
    write_static(tmp_path / "static")
    base = Base.model_validate(
        {"name": "table", "kind": "embedding", "path": "table", "architecture": "static", "normalize": False}
    )
    weights = []
    for name in ("alone", "watched"):
        (tmp_path / name).mkdir()
        job = worker_job(tmp_path / name, base, tmp_path / "static", training={"learning_rate": 0.1})
        if name == "watched":
            job = dataclasses.replace(job, dev_file=write_rows(tmp_path / "dev.jsonl", embedding_rows(8)))
        result = train_here(job)
        weights.append((job.work_dir / "model/model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    watched = [point.dev_loss for point in result.curves if point.dev_loss is not None]
    assert len(watched) == 3
    assert watched[-1] < watched[0]
    margins = [point.margin for point in result.curves if point.margin is not None]
    assert len(margins) == 3
    assert margins[-1] > margins[0]


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_resuming_ends_in_the_same_bytes(tmp_path: Path, embedding_base: Base, embedding_dir: Path, tuner: str) -> None:
    """From a checkpoint on, the same weights come out as from an uninterrupted training: seeds and order hold."""
    folders = [tmp_path / name for name in ("whole", "cut")]
    jobs = []
    for folder in folders:
        folder.mkdir()
        jobs.append(worker_job(folder, embedding_base, embedding_dir, rows=80, tuner=tuner))
    train_here(jobs[0])
    shutil.copytree(jobs[0].work_dir / "run" / "checkpoint-5", jobs[1].work_dir / "run" / "checkpoint-5")
    result = train_here(jobs[1])
    weights = [(job.work_dir / "model" / "model.safetensors").read_bytes() for job in jobs]
    assert weights[0] == weights[1]
    assert [point.step for point in result.curves] == list(range(1, 11))


def test_nothing_is_trained_twice(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """Killed after its last checkpoint and run again, it trains no step beyond max_steps and ends the same."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=80, training={"max_steps": 5})
    results, weights = [], []
    for _ in range(2):
        results.append(train_here(job))
        weights.append((job.work_dir / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert results[0].curves == results[1].curves
    assert [path.name for path in (job.work_dir / "run").glob("checkpoint-*")] == ["checkpoint-5"]


def test_half_precision_ends_with_the_model(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """A model trained in bfloat16 is measured in float32, as evaluation does."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, tuner="lora", training={"dtype": "bfloat16"})
    parity = train_here(job).parity
    assert max(parity["memory=evaluation"], parity["adapter=evaluation"]) < 1e-5


def test_a_merge_that_loses_the_adapter_is_found(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the adapter gave before it was merged is compared with what evaluation loads."""
    from peft import PeftModel

    def half(model: PeftModel) -> object:
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.data *= 0.5
        return model.base_model.merge_and_unload()

    monkeypatch.setattr(PeftModel, "merge_and_unload", half, raising=False)
    job = worker_job(tmp_path, embedding_base, embedding_dir, tuner="lora")
    with pytest.raises(ParityError, match="adapter=evaluation"):
        train_here(job)


def test_a_model_of_nan_is_called_that(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """The training stops at the first logged step without numbers, which the message names."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=80, training={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match=r"step [23]: the (loss|gradient) is NaN.*Lower training\.learning_rate"):
        train_here(job)
    assert not list((job.work_dir / "run").glob("checkpoint-*"))


def test_a_model_that_collapsed_is_refused(tmp_path: Path) -> None:
    """A learning rate that sends all vectors out of float32 gives no NaN, and no model."""
    write_static(tmp_path / "static")
    base = Base.model_validate(
        {"name": "table", "kind": "embedding", "path": "table", "architecture": "static", "normalize": False}
    )
    job = worker_job(tmp_path, base, tmp_path / "static", training={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match=r"vectors without a direction .* collapsed"):
        train_here(job)


@pytest.mark.parametrize("cut", [[5, 10], [10]])
def test_a_checkpoint_that_lost_its_end_is_passed_over(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, cut: list[int]
) -> None:
    """After a full disk the training goes on from the checkpoint before, or anew, and ends the same."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=80)
    before = train_here(job)
    weights = (job.work_dir / "model" / "model.safetensors").read_bytes()
    for step in cut:
        os.truncate(job.work_dir / "run" / f"checkpoint-{step}" / "model.safetensors", 1000)
    again = train_here(job)
    assert again.curves == before.curves
    assert (job.work_dir / "model" / "model.safetensors").read_bytes() == weights


def test_a_training_without_effect_fails(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """A tuned model that equals its base is an error, not a gain of 0."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, training={"learning_rate": 1e-30})
    with pytest.raises(TrainingError, match="equals its base"):
        train_here(job)


@pytest.mark.slow
def test_trains_in_a_process_of_its_own(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """The whole way: progress, curves, cost, the files that the plan promised."""
    job = worker_job(tmp_path, embedding_base, embedding_dir, rows=80)
    steps: list[Step] = []
    outcome = train(job, progress=steps.append)
    assert [step.step for step in steps] == list(range(1, 11))
    assert outcome.seconds > 0
    assert outcome.peak_memory_mib > 100
    assert all(path.exists() for path in plan(job).files)


@pytest.mark.parametrize(
    ("base_changes", "changes", "said"),
    [
        ({"architecture": "static"}, {"tuner": "lora"}, 'no layer that LoRA could adapt.*tuner = "full"'),
        ({}, {"tuner": "qlora"}, "no qlora.*swift"),
        ({"kind": "reranker"}, {}, "no rerankers.*swift"),
        ({}, {"training": {"loss": "matryoshka"}}, "needs matryoshka_dims"),
        (
            {},
            {"training": {"options": {"mini_batch_size": 8}}},
            "mini_batch_size goes with loss cached_mnrl, cached_gist, not with infonce",
        ),
        (
            {"architecture": "static"},
            {"training": {"options": {"mini_batch_tokens": 512}}},
            "mini_batch_tokens: a static model computes no padding",
        ),
        (
            {"architecture": "static"},
            {"training": {"options": {"attention": "eager"}}},
            "attention: a static model computes none",
        ),
        (
            {},
            {"training": {"options": {"mini_batch_tokens": 512, "matryoshka_dims": [32, 16]}}},
            "mini_batch_tokens doesn't go with matryoshka_dims",
        ),
        (
            {"architecture": "static"},
            {"training": {"loss": "gist"}},
            "takes no static model.*infonce, mnrl, matryoshka",
        ),
        (
            {},
            {"training": {"loss": "gist"}, "negatives": {"miner": "random", "options": {"count": 3}}},
            "gist reads at most 1 negative per example, and miner random gives 3. Set count = 1",
        ),
    ],
)
def test_refuses_recipes_that_it_cant_follow(
    tmp_path: Path, embedding_base: Base, base_changes: dict[str, object], changes: dict[str, object], said: str
) -> None:
    """Each refusal names what to use instead."""
    job = worker_job(tmp_path, embedding_base, tmp_path / "base", **changes)
    base = embedding_base.model_copy(update=base_changes)
    with pytest.raises(SpecError, match=said):
        plan(dataclasses.replace(job, base=base))


def test_an_absent_base_is_named(tmp_path: Path, embedding_base: Base) -> None:
    """Weights that aren't there are found before anything starts."""
    with pytest.raises(TcmbenchError, match="expected the weights of base tiny"):
        plan(worker_job(tmp_path, embedding_base, tmp_path / "base"))
