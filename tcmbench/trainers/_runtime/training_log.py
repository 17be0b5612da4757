"""The log of a training, `logging.jsonl` in ms-swift's format: progress, curves, and the summary at its end."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench import strict_json
from tcmbench.errors import TrainingError
from tcmbench.trainers import Point, Step
from tcmbench.trainers._runtime import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ZERO_LOSS = (
    "the loss and its gradient are exactly 0: the examples of a batch have no negatives. Choose a miner under "
    "[negatives], set training.in_batch = true, or raise training.batch_size."
)
"""Why a training with zero loss is stopped."""

_DIVERGED = (
    "step {step}: the {what}, so no later step can teach anything. Lower training.learning_rate, raise "
    "training.temperature or training.warmup_ratio, and look for broken texts in the training set."
)
"""Why a diverging training is stopped."""

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class Summary(NamedTuple):
    """Summary of a finished training."""

    rows: int
    """Examples that were trained on, after preprocessing."""

    checkpoint: Path

    step: int

    gpu_memory_mib: float
    """Most memory reserved on one GPU, in all parts of the training; 0 without one."""

    curves: tuple[Point, ...]


class Follower:
    """Follows a log and reports each step."""

    def __init__(self, path: Path, progress: Callable[[Step], None]) -> None:
        self._path = path
        self._progress = progress
        self._offset = path.stat().st_size if path.is_file() else 0

    def __call__(self) -> None:
        """Report what has been logged since the last call."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        # An incomplete line is left for the next call.
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            step = _step(strict_json.loads(line))
            if step is not None:
                self._progress(step)


def summary(path: Path) -> Summary:
    """Return the summary of a training that has just finished, from the last line of its log.

    Raises:
        TrainingError: The log has no summary: the training didn't finish.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    last: Mapping[str, Any] = strict_json.loads(text.splitlines()[-1]) if text else {}
    if "last_model_checkpoint" not in last or last["last_model_checkpoint"] is None:
        raise TrainingError(f"{path}: expected the summary of a finished training in the last line. Train again.")
    size = re.search(r"size=(\d+)", str(last.get("train_dataset", "")))
    if size is None:
        raise TrainingError(f"{path}: expected `size=` in the last line: is it ms-swift 4.6?")
    return Summary(
        rows=int(size.group(1)),
        checkpoint=Path(last["last_model_checkpoint"]),
        step=int(last["global_step"]),
        gpu_memory_mib=max(float(last.get("memory") or 0.0) * 1024, _gpu_memory_mib(text)),
        curves=curves(last["log_history"]),
    )


def trained(path: Path, *, checkpoint: Path, rows: int) -> Summary:
    """Return the summary of a training from its last checkpoint, where it was killed before writing one.

    Args:
        path: The log.
        checkpoint: The checkpoint of the last step.
        rows: Examples of the training; the guard compared them with those after preprocessing before the first step.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    history = checkpoints.log_history(checkpoint)
    step = int(checkpoint.name.rpartition("-")[2])
    return Summary(rows, checkpoint, step, gpu_memory_mib=_gpu_memory_mib(text), curves=curves(history))


def curves(history: Iterable[Mapping[str, Any]]) -> tuple[Point, ...]:
    """Return one point per logged step, in order, without values that aren't finite."""
    points: dict[int, Point] = {}
    for row in history:
        step = int(row["step"])
        point = points.get(step, Point(step))
        if "loss" in row:
            point = point._replace(
                loss=_number(row, "loss"),
                learning_rate=_number(row, "learning_rate"),
                gradient_norm=_number(row, "grad_norm"),
                accuracy=_number(row, "accuracy"),
            )
        if "eval_loss" in row:
            point = point._replace(dev_loss=_number(row, "eval_loss"), margin=_number(row, "eval_margin"))
        points[step] = point
    return tuple(point for _, point in sorted(points.items()) if any(v is not None for v in point[1:]))


def refuse_divergence(history: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a training with a logged step whose loss isn't finite or whose gradient is NaN.

    An infinite gradient norm alone is accepted: clipping turns that step into zeros. Where single gradients were
    infinite too, the weights become NaN, which the next logged step shows.

    Raises:
        TrainingError: Such a step; the message names it.
    """
    for row in history:
        loss, gradient = float(row.get("loss", 0.0)), float(row.get("grad_norm", 0.0))
        if math.isfinite(loss) and not math.isnan(gradient):
            continue
        what = "gradient is NaN" if math.isfinite(loss) else f"loss is {'NaN' if math.isnan(loss) else 'infinite'}"
        raise TrainingError(_DIVERGED.format(step=row["step"], what=what))


def learns_nothing(history: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether loss and gradient were exactly zero in all logged steps so far.

    A single zero is no evidence: in float32 the loss of a batch that is separated well enough is zero.
    """
    rows = [row for row in history if "loss" in row]
    return bool(rows) and all(row["loss"] == 0.0 and row.get("grad_norm", 0.0) == 0.0 for row in rows)


def refuse_zero_loss(points: Iterable[Point], *, where: str) -> None:
    """Refuse a training whose loss was exactly zero from the first step to the last.

    Raises:
        TrainingError: Nothing was learned.
    """
    rows = [{"loss": p.loss, "grad_norm": p.gradient_norm or 0.0} for p in points if p.loss is not None]
    if learns_nothing(rows):
        raise TrainingError(f"{where}: {ZERO_LOSS}")


def _step(row: Mapping[str, Any]) -> Step | None:
    if "loss" not in row or "global_step/max_steps" not in row:
        return None
    done, _, total = str(row["global_step/max_steps"]).partition("/")
    seconds = _seconds(str(row.get("remaining_time", "")))
    return Step(int(done), int(total), float(row["loss"]), seconds, _number(row, "accuracy"))


def _gpu_memory_mib(text: str) -> float:
    # By pattern, since a kill may have left half a line.
    return max((float(found) * 1024 for found in re.findall(r'"memory\(GiB\)": ([\d.]+)', text)), default=0.0)


def _seconds(text: str) -> float:
    """Return the seconds in a text like `1d 2h 3m 4s`."""
    return float(sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)\s*([dhms])", text)))


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = float(row.get(name, math.nan))
    return value if math.isfinite(value) else None
