"""Checks inside ms-swift's process, with a stub in place of its trainer, and its own counting of rows."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tcmbench.errors import TrainingError
from tcmbench.specs.base import Base
from tests.trainers.tiny import QUERY_PROMPT, make_job

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_rows_that_were_dropped_stop_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer examples after preprocessing than in the file are an error before the first step."""
    from tcmbench.trainers._swift.plugin import guard_file, tcmbench_guard

    settings = tmp_path / guard_file.NAME
    settings.write_text(json.dumps({"rows": 24, "task": "embedding", "query_prompt": "", "instruction": ""}))
    monkeypatch.setenv(guard_file.VARIABLE, str(settings))
    guard = tcmbench_guard.Guard(args=None, trainer=SimpleNamespace(train_dataset=range(23)))
    with pytest.raises(TrainingError, match=r"expected 24 examples after ms-swift's preprocessing, found 23"):
        guard.on_train_begin(SimpleNamespace(resume_from_checkpoint=None), SimpleNamespace())


@pytest.mark.parametrize(
    ("state", "expected"),
    [({}, "run/checkpoint-5"), ({"last_model_checkpoint": "run/checkpoint-9"}, "run/checkpoint-9")],
)
def test_a_resumed_training_has_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, str], expected: str
) -> None:
    """Resumed where nothing is left to train, ms-swift writes no checkpoint: the one it began with is its last."""
    from tcmbench.trainers._swift.plugin import guard_file, tcmbench_guard

    settings = tmp_path / guard_file.NAME
    settings.write_text(json.dumps({"rows": 24, "task": "embedding", "variant": "v", "dropout": None}))
    monkeypatch.setenv(guard_file.VARIABLE, str(settings))
    monkeypatch.setattr(tcmbench_guard, "check_template", lambda *_: None)
    guard = tcmbench_guard.Guard(
        args=None,
        trainer=SimpleNamespace(train_dataset=range(24), template=SimpleNamespace(max_length=9), model=None),
    )
    begun = SimpleNamespace(**state)
    guard.on_train_begin(SimpleNamespace(resume_from_checkpoint="run/checkpoint-5"), begun)
    assert expected == begun.last_model_checkpoint
    fresh = SimpleNamespace()
    guard.on_train_begin(SimpleNamespace(resume_from_checkpoint=None), fresh)
    assert not hasattr(fresh, "last_model_checkpoint")


@pytest.mark.parametrize("before", [[], [{"loss": 1e-9, "grad_norm": 0.1}], [{"loss": 0.0, "grad_norm": 1e-9}]])
def test_a_loss_of_zero_from_the_start_stops_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[dict[str, float]]
) -> None:
    """Loss and gradient of 0 mean no negatives, unless something was learnt before; dev losses say nothing."""
    from tcmbench.trainers._swift.plugin import guard_file, tcmbench_guard

    settings = tmp_path / guard_file.NAME
    settings.write_text(json.dumps({"loss_may_be_zero": False}), encoding="utf-8")
    monkeypatch.setenv(guard_file.VARIABLE, str(settings))
    guard = tcmbench_guard.Guard(args=None, trainer=None)
    guard.on_log(None, SimpleNamespace(log_history=[*before, {"eval_loss": 0.0}]))
    state = SimpleNamespace(log_history=[*before, {"loss": 0.0, "grad_norm": 0.0}])
    if before:
        guard.on_log(None, state)
    else:
        with pytest.raises(TrainingError, match=r"exactly 0.*in_batch"):
            guard.on_log(None, state)
    # a batch without a hard pair is the best case of some losses
    settings.write_text(json.dumps({"loss_may_be_zero": True}), encoding="utf-8")
    guard.on_log(None, state)


def test_code_that_comes_with_a_model_does_not_run() -> None:
    """ms-swift trusts remote code unless told otherwise; loading the guard tells it."""
    from swift.model.register import ModelLoader

    from tcmbench.trainers._swift.plugin import tcmbench_guard

    assert tcmbench_guard.Guard.__doc__
    assert ModelLoader.default_trust_remote_code is False


@pytest.mark.parametrize("devices", [1, 2, 3, 4])
def test_steps_are_those_that_ms_swift_counts(
    tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch, devices: int
) -> None:
    """For every size of the last batch, its sampler gives as many batches as we plan steps."""
    from swift.dataloader.shard import BatchSamplerShard

    monkeypatch.setattr(BatchSamplerShard, "world_size", devices)
    jobs = [
        make_job(
            tmp_path,
            base=embedding_base,
            train_file=tmp_path / "t",
            rows=rows,
            training={"options": {"devices": devices}},
        )
        for rows in range(8 * devices, 16 * devices + 1)
    ]
    counted = [
        len(BatchSamplerShard(job.rows, 8, shuffle=False, drop_last=job.drops_last, data_seed=None)) for job in jobs
    ]
    assert counted == [job.steps for job in jobs]


def test_canaries_may_be_longer_than_the_training_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedding_dir: Path
) -> None:
    """The template is checked whatever training.max_length is, and keeps its limit."""
    from swift.infer_engine import TransformersEngine

    from tcmbench.trainers._swift.plugin import guard_file, tcmbench_guard

    settings = tmp_path / guard_file.NAME
    told = {
        "rows": 24, "task": "embedding", "query_prompt": QUERY_PROMPT, "document_prompt": "", "variant": "v",
        "dropout": None,
    }  # fmt: skip
    settings.write_text(json.dumps(told), encoding="utf-8")
    monkeypatch.setenv(guard_file.VARIABLE, str(settings))
    template = TransformersEngine(str(embedding_dir), model_type="qwen3_emb", task_type="embedding").template
    template.set_mode("train")
    template.max_length = 16
    trainer = SimpleNamespace(train_dataset=range(24), template=template, model=None)
    guard = tcmbench_guard.Guard(args=None, trainer=trainer)
    guard.on_train_begin(SimpleNamespace(resume_from_checkpoint=None), SimpleNamespace())
    assert template.max_length == 16


def test_a_training_without_numbers_is_stopped() -> None:
    """At the first logged step whose gradient is NaN, although ms-swift goes on with a loss of 0."""
    from tcmbench.trainers._swift.plugin import tcmbench_guard

    guard = tcmbench_guard.Guard(args=None, trainer=None)
    state = SimpleNamespace(log_history=[{"loss": 0.0, "grad_norm": float("nan"), "step": 3}])
    with pytest.raises(TrainingError, match="step 3: the gradient is NaN"):
        guard.on_log(None, state)


def test_a_checkpoint_gets_its_checksums(tmp_path: Path) -> None:
    """They are recorded by the one process that writes checkpoints."""
    from tcmbench.trainers._runtime import checkpoints
    from tcmbench.trainers._swift.plugin import tcmbench_guard

    folder = tmp_path / "checkpoint-5"
    folder.mkdir()
    (folder / "trainer_state.json").write_text("{}", encoding="utf-8")
    guard = tcmbench_guard.Guard(args=None, trainer=None)
    for is_first, expected in ((False, None), (True, folder)):
        guard.on_save(
            SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=5, is_world_process_zero=is_first)
        )
        assert checkpoints.newest(tmp_path) == expected


@pytest.mark.parametrize(("per_example", "expected"), [(3, {"margin": 1.0}), (0, {})])
def test_the_margin_is_that_of_all_trainers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, per_example: int, expected: dict[str, float]
) -> None:
    """Predictions come as query, positive and negatives of each example in turn; scored pairs have no margin."""
    import numpy as np

    from tcmbench.trainers._swift.plugin import guard_file, tcmbench_guard

    settings = tmp_path / guard_file.NAME
    settings.write_text(json.dumps({"texts_per_example": per_example}), encoding="utf-8")
    monkeypatch.setenv(guard_file.VARIABLE, str(settings))
    vectors = np.array([[1, 0], [1, 0], [-1, 0], [0, 1], [0, 1], [0, -1]], dtype=np.float32)
    margin = tcmbench_guard.Margin(None, None)
    assert margin.compute_metrics(SimpleNamespace(predictions=vectors, label_ids=None)) == expected
