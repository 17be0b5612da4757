"""Copies of a loaded model that share its weights, so that several threads can compute at the same time.

A forward pass only reads the weights. A tokenizer isn't only read: it keeps how it pads and cuts, and two threads must
not use one.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

from tcmbench import processor
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from tcmbench.serving.engines import PairEngine, VectorEngine

Engine = TypeVar("Engine", bound="VectorEngine | PairEngine")


def side_by_side(engine: Engine, wanted: int | None, *, name: str) -> list[Engine]:
    """Return the engine and copies of it, one for each batch that is computed at the same time.

    On a processor each gets its share of the cores. Without a number there are as many as fill the cores where
    $OMP_NUM_THREADS sets the threads of a batch; else one, with all cores.

    Args:
        engine: The loaded model.
        wanted: How many.
        name: The model, for messages.

    Raises:
        SpecError: Several of a model that isn't computed by torch.
    """
    import torch

    module = engine.module
    if module is None:
        if wanted and wanted > 1:
            raise SpecError(f"{name}: its runtime computes one batch at a time. Leave out --parallel-batches.")
        return [engine]
    is_on_processor = next(module.parameters()).device.type == "cpu"
    threads = processor.threads_set()
    count = wanted or (max(1, processor.cores() // threads) if threads and is_on_processor else 1)
    if count > 1 and is_on_processor:
        torch.set_num_threads(processor.share(count))
    weights = [*module.parameters(), *module.buffers(), *engine.arrays]
    # What has its copy noted already isn't copied.
    return [engine, *(copy.deepcopy(engine, {id(each): each for each in weights}) for _ in range(count - 1))]
