"""Engines that hold a model's weights in another process, and stay for the next model that can use them.

One that is kept ends before another model or a training needs its memory; one in use ends with the last model that uses
it.
"""

from __future__ import annotations

import gc

_kept: dict[str, object] = {}
_seen: set[str] = set()


def keep(encoder: str, engine: object | None) -> None:
    """Keep an engine of an encoder in place of its former one; None keeps none."""
    _seen.add(encoder)
    if engine is None:
        _kept.pop(encoder, None)
    else:
        _kept[encoder] = engine


def kept(encoder: str) -> object | None:
    """Return the engine that is kept of an encoder."""
    return _kept.get(encoder)


def end_unused(*, but: str = "") -> None:
    """End the engines that no model uses any more, except for the one kept of the encoder `but`."""
    if not _seen:
        return
    for encoder in _kept.keys() - {but}:
        del _kept[encoder]
    # Models in mteb's interface refer to themselves, and so do their engines' last references.
    gc.collect()
