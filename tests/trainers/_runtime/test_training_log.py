"""ms-swift's log becomes progress, curves and a verdict."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tcmbench.errors import TrainingError
from tcmbench.trainers import Point, Step
from tcmbench.trainers._runtime import checkpoints, training_log

HISTORY = [
    {"loss": 2.0, "grad_norm": 1.5, "learning_rate": 0.1, "epoch": 0.5, "step": 1},
    {"loss": 1.0, "grad_norm": 0.5, "learning_rate": 0.05, "epoch": 1.0, "step": 2},
    {"eval_loss": 0.9, "eval_margin": 0.25, "epoch": 1.0, "step": 2},
    {"train_runtime": 3.0, "train_loss": 1.5, "step": 2},
]


def row(step: int, loss: float, left: str = "1m 5s") -> str:
    """Return one line of a log."""
    line = {"loss": loss, "learning_rate": 0.1, "global_step/max_steps": f"{step}/4", "remaining_time": left}
    return json.dumps(line) + "\n"


def write_summary(path: Path, **changes: object) -> None:
    """Write a log whose last line is a summary."""
    last = {
        "train_dataset": "45.1±1.2, min=43.0, max=47.0, size=24", "last_model_checkpoint": "/w/run/checkpoint-2",
        "model_parameter_info": "PeftModel: 0.0389M Params (0.0041M Trainable [10.5%]), 0.0M Buffers.",
        "global_step": 2, "memory": 1.5, "log_history": HISTORY, **changes,
    }  # fmt: skip
    path.write_text(row(1, 2.0) + row(2, 1.0) + json.dumps(last) + "\n", encoding="utf-8")


def test_follows_a_log_that_grows(tmp_path: Path) -> None:
    """Each step is reported once, and a line that is half written waits."""
    log = tmp_path / "logging.jsonl"
    log.write_text(row(1, 9.0), encoding="utf-8")
    seen: list[Step] = []
    follower = training_log.Follower(log, seen.append)
    follower()
    assert seen == []
    with log.open("a", encoding="utf-8") as file:
        file.write(row(2, 3.0) + row(3, 2.0, "1h 2m")[:20])
        file.flush()
        follower()
        file.write(row(3, 2.0, "1h 2m")[20:] + json.dumps({"train_runtime": 3.0}) + "\n")
    follower()
    follower()
    assert seen == [Step(2, 4, 3.0, 65.0), Step(3, 4, 2.0, 3720.0)]


def test_summary_and_curves(tmp_path: Path) -> None:
    """The last line tells rows, checkpoint and memory; the history becomes one point a step."""
    write_summary(tmp_path / "log")
    found = training_log.summary(tmp_path / "log")
    assert (found.rows, found.checkpoint, found.step) == (24, Path("/w/run/checkpoint-2"), 2)
    assert found.gpu_memory_mib == 1536.0
    assert found.curves == (
        Point(1, loss=2.0, learning_rate=0.1, gradient_norm=1.5),
        Point(2, loss=1.0, learning_rate=0.05, gradient_norm=0.5, margin=0.25, dev_loss=0.9),
    )


def test_an_unfinished_log_is_no_model(tmp_path: Path) -> None:
    """A log without a summary is an error, not an empty result."""
    (tmp_path / "log").write_text(row(1, 2.0), encoding="utf-8")
    for path in (tmp_path / "log", tmp_path / "absent"):
        with pytest.raises(TrainingError, match="expected the summary"):
            training_log.summary(path)


def test_a_training_is_finished_with_its_last_checkpoint(tmp_path: Path) -> None:
    """Killed before its summary, with half a line in its log, it says the same by its checkpoint."""
    log, checkpoint = tmp_path / "log", tmp_path / "checkpoint-2"
    write_summary(log)
    expected = training_log.summary(log)
    log.write_text(row(1, 2.0)[:-2] + ', "memory(GiB)": 1.5}\n{"loss": 1.0, "lea', encoding="utf-8")
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text(json.dumps({"log_history": HISTORY[:3]}), encoding="utf-8")
    assert training_log.trained(log, checkpoint=checkpoint, rows=24) == expected._replace(checkpoint=checkpoint)
    assert checkpoints.is_last(checkpoint, steps=2)
    assert not checkpoints.is_last(checkpoint, steps=20)


def test_memory_is_that_of_all_parts(tmp_path: Path) -> None:
    """A resumed training's summary knows its last part only; the lines before it know the others."""
    log = tmp_path / "log"
    write_summary(log, memory=0.5)
    log.write_text(row(1, 2.0)[:-2] + ', "memory(GiB)": 2.0}\n' + log.read_text(encoding="utf-8"), encoding="utf-8")
    expected = 2048.0
    assert expected == training_log.summary(log).gpu_memory_mib


def test_a_loss_of_exactly_zero_throughout_is_refused() -> None:
    """Zero at every step, with its gradient, means that nothing was learnt; a zero among others is a rounded one."""
    zero = [Point(1, loss=0.0, gradient_norm=0.0), Point(4, dev_loss=0.5), Point(7, loss=0.0, gradient_norm=0.0)]
    with pytest.raises(TrainingError, match=r"variant x: the loss .* exactly 0.*in_batch"):
        training_log.refuse_zero_loss(zero, where="variant x")
    training_log.refuse_zero_loss([Point(1, loss=1e-9, gradient_norm=0.0), *zero[1:]], where="variant x")
    training_log.refuse_zero_loss([Point(1, loss=0.0, gradient_norm=0.1), *zero[1:]], where="variant x")
    training_log.refuse_zero_loss([Point(2)], where="variant x")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"loss": math.nan, "grad_norm": 1.0}, "step 3: the loss is NaN.*Lower training.learning_rate"),
        ({"loss": math.inf, "grad_norm": 1.0}, "step 3: the loss is infinite"),
        ({"loss": 0.0, "grad_norm": math.nan}, "step 3: the gradient is NaN"),
    ],
)
def test_the_first_step_without_numbers_is_named(row: dict[str, float], said: str) -> None:
    """From there on nothing is learnt, whatever the loss says."""
    with pytest.raises(TrainingError, match=said):
        training_log.refuse_divergence([*HISTORY, {**row, "step": 3}, {"loss": math.nan, "step": 4}])


def test_an_infinite_gradient_norm_is_left_out_of_the_curve() -> None:
    """Clipping makes such a step one of zeros: the training goes on, and its curve is valid JSON."""
    history = [
        *HISTORY,
        {"loss": 0.5, "grad_norm": math.inf, "learning_rate": 0.1, "step": 3},
        {"eval_loss": math.nan, "step": 3},
    ]
    training_log.refuse_divergence(history)
    curves = training_log.curves(history)
    assert curves[-1] == Point(3, loss=0.5, learning_rate=0.1)
    json.dumps([point._asdict() for point in curves], allow_nan=False)
