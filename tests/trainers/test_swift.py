"""ms-swift end to end: trained, resumed, merged, checked; and every recipe that can't work refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tcmbench.errors import MissingExtra, ModelAbsent, SpecError, TcmbenchError, TrainingError
from tcmbench.specs.base import Base
from tcmbench.trainers import Outcome, Step, TrainingJob
from tcmbench.trainers._runtime import packages
from tcmbench.trainers._swift import command
from tests.trainers.tiny import (
    embedding_rows,
    info_nce,
    make_job,
    plan,
    reranker_rows,
    row_vectors,
    train,
    write_embedding,
    write_rows,
)  # fmt: skip

ROWS = 160

KILL_AT_STEP_7 = """
import os
import signal

from swift.callbacks import callbacks_map
from tcmbench.trainers._swift.plugin.tcmbench_guard import Guard


class Killed(Guard):
    def on_step_begin(self, args, state, *_, **__):
        if state.global_step == 7:
            os.kill(os.getpid(), signal.SIGKILL)


callbacks_map["tcmbench_guard"] = Killed
"""
"""The plug-in of a training that is killed from inside: at the same step on every machine, under every load."""


@pytest.fixture(scope="module")
def lora_job(tmp_path_factory: pytest.TempPathFactory, embedding_base: Base, embedding_dir: Path) -> TrainingJob:
    """Twenty steps of LoRA with a checkpoint after every five."""
    folder = tmp_path_factory.mktemp("lora")
    file = write_rows(folder / "train.jsonl", embedding_rows(ROWS))
    dev = write_rows(folder / "dev.jsonl", embedding_rows(8))
    return make_job(
        folder, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=ROWS, tuner="lora", dev_file=dev
    )


@pytest.fixture(scope="module")
def lora(lora_job: TrainingJob) -> tuple[Outcome, list[Step]]:
    """Its outcome and the steps that were reported."""
    steps: list[Step] = []
    return train(lora_job, progress=steps.append), steps


def test_lora_reports_and_keeps_what_happened(lora_job: TrainingJob, lora: tuple[Outcome, list[Step]]) -> None:
    """Progress is reported, the curves have every step and the dev margin, the costs are recorded."""
    outcome, steps = lora
    assert [step.step for step in steps] == list(range(1, 21))
    assert {step.total for step in steps} == {20}
    assert [point.step for point in outcome.curves] == list(range(1, 21))
    assert [p.step for p in outcome.curves if p.margin is not None] == [4, 8, 12, 16, 20]
    losses = [point.loss for point in outcome.curves if point.loss is not None]
    assert losses[-1] < losses[0] / 2
    assert outcome.trained_parameters == 4096
    assert outcome.tokens > ROWS * 30
    assert outcome.peak_memory_mib > 100
    assert list((lora_job.work_dir / "run" / "runs").glob("events.*"))
    assert all(path.exists() for path in plan(lora_job).files)


def test_lora_is_merged_and_the_same_every_way(lora: tuple[Outcome, list[Step]]) -> None:
    """Adapter, merged weights, ms-swift and evaluation agree in float32, and differ from the base."""
    parity = dict(lora[0].parity)
    assert parity.pop("change") > 1e-3
    ways = ("adapter", "swift", "transformers", "weights")
    assert sorted(parity) == [f"{way}=evaluation" for way in ways]
    assert max(parity.values()) < 1e-5


def test_the_folder_is_complete_and_free_of_code(lora: tuple[Outcome, list[Step]], embedding_dir: Path) -> None:
    """The base's files with other weights: safetensors and text only, no adapter left."""
    files = {p.relative_to(lora[0].model_dir).as_posix() for p in lora[0].model_dir.rglob("*") if p.is_file()}
    expected = {p.relative_to(embedding_dir).as_posix() for p in embedding_dir.rglob("*") if p.is_file()}
    assert expected == files


def test_batches_are_those_of_the_file(
    lora: tuple[Outcome, list[Step]], embedding_base: Base, embedding_dir: Path
) -> None:
    """The first logged loss is InfoNCE of the first rows of the file, computed here from the base's vectors."""
    queries, documents = row_vectors(embedding_dir, embedding_base, embedding_rows(8))
    expected = info_nce(queries, documents, temperature=0.05)
    assert lora[0].curves[0].loss == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bytes(
    lora_job: TrainingJob, lora: tuple[Outcome, list[Step]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after a checkpoint and run again, it ends in the bytes of the uninterrupted one."""
    job = make_job(
        tmp_path, base=lora_job.base, base_dir=lora_job.base_dir, train_file=lora_job.train_file, rows=ROWS,
        tuner="lora", dev_file=lora_job.dev_file,
    )  # fmt: skip
    with monkeypatch.context() as patch, pytest.raises(TrainingError, match="killed from outside"):
        patch.setattr(command, "GUARD", tmp_path / "kill_at_step_7.py")
        command.GUARD.write_text(KILL_AT_STEP_7, encoding="utf-8")
        train(job)
    assert [folder.name for folder in (job.work_dir / "run").glob("checkpoint-*")] == ["checkpoint-5"]
    seen: list[Step] = []
    again = train(job, progress=seen.append)
    assert seen[0].step == 6
    for name in ("run/checkpoint-20/adapter_model.safetensors", "model/model.safetensors"):
        assert (job.work_dir / name).read_bytes() == (lora_job.work_dir / name).read_bytes()
    assert [p.loss for p in again.curves] == [p.loss for p in lora[0].curves]


@pytest.mark.slow
def test_a_finished_training_is_not_repeated(
    lora_job: TrainingJob, lora: tuple[Outcome, list[Step]], tmp_path: Path
) -> None:
    """With the last checkpoint there, only the model is made again: even if the kill came before ms-swift's summary."""
    job = dataclasses.replace(lora_job, work_dir=tmp_path / "work")
    shutil.copytree(lora_job.work_dir, job.work_dir, ignore=shutil.ignore_patterns("model"))
    log = job.work_dir / "run" / "logging.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    assert "last_model_checkpoint" in lines[-1]
    log.write_text("".join(lines[:-1]), encoding="utf-8")
    again = train(job)
    assert log.read_text(encoding="utf-8") == "".join(lines[:-1])
    assert again.curves == lora[0].curves
    assert (again.seconds, again.peak_memory_mib) == (lora[0].seconds, lora[0].peak_memory_mib)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (again.model_dir, lora_job.work_dir / "model")]
    assert weights[0] == weights[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "tuner", "loss"),
    [("generative", "full", "pointwise_reranker"), ("classification", "lora", "listwise_reranker")],
)
def test_rerankers_agree_every_way(
    tmp_path: Path, reranker_base: Base, reranker_dir: Path, head: str, tuner: str, loss: str
) -> None:
    """A tuned reranker's logits are the same in evaluation's CrossEncoder, plain transformers and ms-swift."""
    file = write_rows(tmp_path / "train.jsonl", reranker_rows(24, negatives=2))
    job = make_job(
        tmp_path, base=reranker_base, base_dir=reranker_dir, train_file=file, rows=24, head=head, tuner=tuner,
        training={"loss": loss, "batch_size": 4},
    )  # fmt: skip
    outcome = train(job)
    differences = {name: value for name, value in outcome.parity.items() if "=" in name}
    assert "swift=evaluation" in differences
    assert outcome.parity["change"] > 1e-3
    assert max(differences.values()) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuner", "loss", "width"),
    [
        ("full", "cosine_similarity", 32),
        ("full", "online_contrastive", 32),
        ("qlora", "matryoshka", 64),
        ("qlora", "infonce", 32),
    ],
)
def test_other_tuners_and_losses_agree_every_way(
    tmp_path: Path, embedding_base: Base, tuner: str, loss: str, width: int
) -> None:
    """All weights, and adapters on weights of 4 and 8 bits merged into float ones, pass the same checks."""
    write_embedding(tmp_path / "base", width=width)
    rows = embedding_rows(25, negatives=0)
    if tuner == "full":
        rows = [{**row, "label": float(i % 2)} for i, row in enumerate(rows)]
    file = write_rows(tmp_path / "train.jsonl", rows)
    job = make_job(
        tmp_path, base=embedding_base, base_dir=tmp_path / "base", train_file=file, rows=25, tuner=tuner,
        training={
            "loss": loss,
            "options": {"matryoshka_dims": [32, 16]} if loss == "matryoshka" else {},
            "quantization_bits": 8 if tuner == "qlora" and loss == "infonce" else 4,
        },
    )  # fmt: skip
    outcome = train(job)
    assert ("quantised=evaluation" in outcome.parity) == (tuner == "qlora")
    assert outcome.parity.get("quantised=evaluation", 1e-3) > 1e-4
    judged = {name: value for name, value in outcome.parity.items() if "=" in name and "quantised" not in name}
    assert {"swift=evaluation", "transformers=evaluation"} <= judged.keys()
    assert max(judged.values()) < 1e-5
    # the last row alone is no batch, and no step is planned for it
    assert all(path.exists() for path in plan(job).files)


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["swift", "sentence_transformers"])
def test_token_vectors_can_learn_at_a_rate_of_their_own(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, trainer: str
) -> None:
    """With next to no rate for the matrices only the token vectors move."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16))
    job = make_job(
        tmp_path, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=16, trainer=trainer,
        training={"learning_rate": 1e-12, "token_learning_rate": 1e-2},
    )  # fmt: skip
    outcome = train(job)
    before, after = (
        {name.removeprefix("model."): weights for name, weights in load_file(folder / "model.safetensors").items()}
        for folder in (embedding_dir, outcome.model_dir)
    )
    moved = {name: float((after[name] - weights).abs().max()) for name, weights in before.items()}
    assert moved.pop("embed_tokens.weight") > 5e-3
    assert max(moved.values()) < 1e-6


@pytest.mark.slow
def test_overlong_rows_stop_the_training(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """ms-swift would drop them; the message gives the next step."""
    rows = embedding_rows(16)
    rows[9]["positive_messages"] = [[{"role": "user", "content": "很长的文本。" * 60}]]
    file = write_rows(tmp_path / "train.jsonl", rows)
    job = make_job(tmp_path, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=16)
    with pytest.raises(TrainingError, match=r"longer than training\.max_length"):
        train(job)


@pytest.mark.slow
def test_another_template_stops_the_training(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """A tokenizer that doesn't end texts as ms-swift does is found before the first step."""
    broken = tmp_path / "base"
    shutil.copytree(embedding_dir, broken)
    tokenizer = json.loads((broken / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["post_processor"] = None
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16))
    job = make_job(tmp_path, base=embedding_base, base_dir=broken, train_file=file, rows=16)
    with pytest.raises(TcmbenchError, match="different tokens of"):
        train(job)
    assert not list((job.work_dir / "run").glob("checkpoint-*"))


def test_the_plan_is_the_command(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """A dry run shows the whole command, its environment and the files; it makes none."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(24))
    job = make_job(tmp_path, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=24)
    found = plan(job)
    assert found.command[1:3] == ["-m", "swift.cli.sft"]
    assert found.environment["INFONCE_TEMPERATURE"] == "0.05"
    assert job.work_dir / "model" in found.files
    assert job.work_dir / "run" / "checkpoint-3" in found.files
    assert found.steps == 3
    assert not job.work_dir.exists()


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"architecture": "static", "swift_model_type": None}, SpecError, "sentence_transformers.*one table"),
        ({"architecture": "bert", "swift_model_type": None}, SpecError, "can't train.*sentence_transformers"),
        ({"kind": "reranker"}, SpecError, "task is embedding, but base tiny is a base of kind reranker"),
    ],
)
def test_refuses_bases_that_it_cant_train(
    tmp_path: Path, embedding_base: Base, changes: dict[str, object], error: type[TcmbenchError], said: str
) -> None:
    """The message names the base and what to use instead."""
    base = embedding_base.model_copy(update=changes)
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(8))
    job = make_job(tmp_path, base=embedding_base, train_file=file, rows=8, tuner="lora")
    with pytest.raises(error, match=said):
        plan(dataclasses.replace(job, base=base))


def test_refuses_an_absent_base(tmp_path: Path, embedding_base: Base) -> None:
    """Weights that aren't there are found before anything starts."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(8))
    with pytest.raises(ModelAbsent, match=r"expected the weights of base tiny.*in .*base"):
        plan(make_job(tmp_path, base=embedding_base, train_file=file, rows=8))


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"loss": "matryoshka"}, r"needs matryoshka_dims under \[training\.options\]"),
        (
            {"loss": "matryoshka", "options": {"matryoshka_dims": [4096, 16]}},
            r"begin with 4096.*have 32 dimensions.*up to 32",
        ),
        ({"options": {"matryoshka_dims": [16]}}, r"go with loss matryoshka, not with infonce"),
        ({"options": {"attention": "flash_attention_2"}}, r"needs a GPU, which is not here.*\"auto\""),
    ],
)
def test_refuses_what_ms_swift_would_leave_out(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, training: dict[str, object], said: str
) -> None:
    """Dimensions that the vectors don't have are skipped there without a word."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(8))
    job = make_job(tmp_path, base=embedding_base, base_dir=embedding_dir, train_file=file, rows=8, training=training)
    with pytest.raises(SpecError, match=said):
        plan(job)


@pytest.mark.parametrize(
    ("gone", "changes", "said"),
    [
        ("swift", {}, r"the swift trainer needs ms-swift.*tcmbench\[train\]"),
        ("bitsandbytes", {"tuner": "qlora"}, r"needs bitsandbytes.*tcmbench\[train\]"),
        (
            "deepspeed",
            {"training": {"options": {"deepspeed": "zero2"}}},
            r"deepspeed = 'zero2' needs deepspeed.*tcmbench\[gpu\]",
        ),
    ],
)
def test_names_the_extra_that_is_missing(
    tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch, gone: str, changes: dict[str, object],
    said: str,
) -> None:  # fmt: skip
    """Without a package that the recipe needs the message is the command that installs it."""
    monkeypatch.setattr(packages, "_installed", lambda module: module != gone)
    job = make_job(tmp_path, base=embedding_base, train_file=tmp_path / "t", rows=8, **changes)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match=said):
        plan(job)


def test_refuses_a_batch_rule_that_it_would_ignore(tmp_path: Path, embedding_base: Base, reranker_base: Base) -> None:
    """no_duplicates is the other trainer's, which has no rerankers: each message names what there is."""
    changes = {"train_file": tmp_path / "t", "rows": 8, "batch_rule": "no_duplicates"}
    with pytest.raises(SpecError, match=r'no_duplicates.*"label_unique" or "plain", or use trainer = "sentence_tr'):
        plan(make_job(tmp_path, base=embedding_base, **changes))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r'no_duplicates.*Set batch_rule = "label_unique" or "plain"\.$'):
        plan(make_job(tmp_path, base=reranker_base, **changes))  # type: ignore[arg-type]


def test_refuses_a_base_that_brings_code(tmp_path: Path, embedding_base: Base, embedding_dir: Path) -> None:
    """ms-swift reads every configuration with trust_remote_code: only a base that says so may bring code."""
    base_dir = tmp_path / "base"
    shutil.copytree(embedding_dir, base_dir)
    config = json.loads((base_dir / "config.json").read_text(encoding="utf-8"))
    (base_dir / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}}), encoding="utf-8")
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(8))
    job = make_job(tmp_path, base=embedding_base, base_dir=base_dir, train_file=file, rows=8)
    with pytest.raises(SpecError, match=r"includes code.*trust_remote_code = true"):
        plan(job)
