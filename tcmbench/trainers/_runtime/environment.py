"""The environment of a training's processes: every relevant variable is set, and none is inherited."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import processor

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE_ROOT = str(Path(__file__).parents[3])
"""Folder that `tcmbench` is imported from, also in the processes."""

_SCRUBBED = (
    "INFONCE_", "LISTWISE_", "GENERATIVE_RERANKER_", "SWIFT_", "WANDB_", "MAX_POSITIVE_SAMPLES",
    "MAX_NEGATIVE_SAMPLES", "NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_", "RANK", "LOCAL_RANK", "WORLD_SIZE",
    "LOCAL_WORLD_SIZE", "ACCELERATE_", "FSDP_", "TENSORBOARD_LOGGING_DIR", "LOG_LEVEL",
)  # fmt: skip
"""Prefixes and names of variables that ms-swift, transformers, their losses or their launchers read."""


def process_environment() -> dict[str, str]:
    """Return the variables that every process of a training gets.

    The number of threads affects the bytes of a result, so it is always set: as inherited, else half the cores. torch's
    default is all cores, whose synchronisation made a step 300 times slower on a busy machine: a thread that waits
    for another spins on its core, unless the policy is passive.
    """
    return {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": PACKAGE_ROOT,
        processor.WAITING: os.environ.get(processor.WAITING) or "passive",
        processor.THREADS: os.environ.get(processor.THREADS) or str(max(1, processor.cores() // 2)),
    }


def scrub(inherited: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return an environment without variables that affect a training, and the names that were removed."""
    removed = tuple(sorted(name for name in inherited if _is_scrubbed(name)))
    return {name: value for name, value in inherited.items() if name not in removed}, removed


def _is_scrubbed(name: str) -> bool:
    return any(name == start or (start.endswith("_") and name.startswith(start)) for start in _SCRUBBED)
