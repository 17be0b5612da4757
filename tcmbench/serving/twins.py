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


def side_by_side(engine: Engine, count: int, *, name: str) -> list[Engine]:
    """Return the engine and copies of it, one for each batch that is computed at the same time.

    Each gets its share of the cores.

    Args:
        engine: The loaded model.
        count: How many.
        name: The model, for messages.

    Raises:
        SpecError: Several of a model that isn't computed by torch on the processor.
    """
    if count == 1:
        return [engine]
    import torch

    module = engine.module
    if module is None or next(module.parameters()).device.type != "cpu":
        where = "its runtime" if module is None else "a GPU"
        raise SpecError(f"{name}: {where} computes one batch at a time. Leave out --parallel-batches.")
    torch.set_num_threads(processor.share(count))
    engine.measure_call()
    shared = [*module.parameters(), *module.buffers(), *engine.tables]
    # What has its copy noted already isn't copied.
    return [engine, *(copy.deepcopy(engine, {id(each): each for each in shared}) for _ in range(count - 1))]
