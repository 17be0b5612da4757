"""Stage two: the whole network, in steps that can be stopped and taken up again."""

from __future__ import annotations

import csv
import itertools
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.recipes.mini_zh import batches, network
from models.recipes.mini_zh.loss import info_nce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch
    from transformers import Qwen3ForCausalLM

    from models.recipes.mini_zh.batches import Batch

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a run of stage two is made of."""

    steps: int
    learning_rate: float = 1e-4
    """Peak rate of the matrices: at 5e-4 they lose what the start gave them faster than they learn."""

    vector_rate: float = 1e-3
    """Peak rate of the token vectors, which are a hundred times larger than a matrix's entries."""

    warmup: int = 60
    temperature: tuple[float, float] = (0.05, 0.03)
    """At the first step and at the last."""

    weight_decay: float = 0.01
    checkpoint_every: int = 75
    measure_every: int = 150
    log_every: int = 10


def train_network(
    model: Qwen3ForCausalLM,
    stream: Iterator[Batch],
    *,
    schedule: Schedule,
    folder: Path,
    measure: Callable[[Qwen3ForCausalLM], dict[str, float]],
) -> None:
    """Train ``model`` in place; ``folder`` keeps the checkpoint, ``loss.csv`` and ``held_back.csv``."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    vectors = model.model.embed_tokens.weight
    groups = [
        {"params": [vectors], "peak": schedule.vector_rate},
        {"params": [p for p in model.parameters() if p is not vectors], "peak": schedule.learning_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=schedule.weight_decay, betas=(0.9, 0.98))
    done = _resume(model, optimiser, folder / "checkpoint.pt")
    smooth = dict.fromkeys(batches.MIXTURES, float("nan"))
    started = time.monotonic()
    for step, batch in enumerate(itertools.islice(stream, done, schedule.steps), start=done + 1):
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * _rate(step, schedule)
        loss = _step(model, batch, temperature=_temperature(step, schedule))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        before = smooth[batch.source]
        smooth[batch.source] = loss.item() if math.isnan(before) else 0.9 * before + 0.1 * loss.item()
        if step % schedule.log_every == 0:
            _append(folder / "loss.csv", {"step": step, "seconds": round(time.monotonic() - started), **_row(smooth)})
        if step % schedule.checkpoint_every == 0 or step == schedule.steps:
            _save(model, optimiser, step, folder / "checkpoint.pt")
        if step % schedule.measure_every == 0 or step == schedule.steps:
            shares = measure(model)
            _append(folder / "held_back.csv", {"step": step, **_row(shares)})
            logger.info("step %d of %d: found first %.3f", step, schedule.steps, sum(shares.values()) / len(shares))


def _step(model: Qwen3ForCausalLM, batch: Batch, *, temperature: float) -> torch.Tensor:
    queries = network.encode(model, batch.query_ids, batch.query_last)
    positives = network.encode(model, batch.positive_ids, batch.positive_last)
    return info_nce(queries, positives, same=batch.same, temperature=temperature)


def _rate(step: int, schedule: Schedule) -> float:
    """Return the share of the peak rate: a linear rise, then half a cosine down to a fiftieth."""
    if step <= schedule.warmup:
        return step / schedule.warmup
    passed = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return 0.02 + 0.98 * (1 + math.cos(math.pi * passed)) / 2


def _temperature(step: int, schedule: Schedule) -> float:
    """Fall geometrically from the first temperature to the second over the first half of the run."""
    first, final = schedule.temperature
    return first * math.pow(final / first, min(1.0, 2 * step / schedule.steps))


def _row(values: dict[str, float]) -> dict[str, float]:
    return {name: round(values[name], 4) for name in sorted(values)}


def _append(path: Path, row: dict[str, float]) -> None:
    """Add a row; the columns are those of the first row written."""
    if path.exists():
        with path.open(encoding="utf-8", newline="") as lines:
            columns = next(csv.reader(lines))
    else:
        columns = ["step", *(["seconds"] if "seconds" in row else []), *sorted(set(row) - {"step", "seconds"})]
        with path.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerow(columns)
    with path.open("a", encoding="utf-8", newline="") as lines:
        csv.DictWriter(lines, columns, restval="", extrasaction="ignore").writerow(row)


def _save(model: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int, path: Path) -> None:
    import torch

    temporary = path.with_suffix(".tmp")
    torch.save({"step": step, "model": model.state_dict(), "optimiser": optimiser.state_dict()}, temporary)
    temporary.rename(path)


def _resume(model: torch.nn.Module, optimiser: torch.optim.Optimizer, path: Path) -> int:
    """Return the number of steps already done; ``model`` and ``optimiser`` are as they were after them."""
    import torch

    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])
