"""Reads the answers of servers: one row per text, in any order, and nothing that only looks like one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = ("data", "results")
_SHOWN = 40
_SHOWN_KEYS = 10


def in_order(rows: object, count: int) -> list[dict[str, Any]]:
    """Return the rows of an answer by their index.

    Raises:
        ValueError: They aren't one for each index. KeyError, TypeError: They aren't rows.
    """
    listed = rows if isinstance(rows, list) else []
    placed = {row["index"]: row for row in listed}
    if len(listed) != count or any(type(index) is not int for index in placed):
        raise ValueError("expected one row per index")
    return [placed[index] for index in range(count)]


def vector(value: object) -> NDArray[np.float32]:
    """Return a vector out of numbers, or of their bytes in base64.

    Raises:
        TypeError, ValueError: It is something else.
    """
    import numpy as np

    if isinstance(value, str):
        numbers = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    else:
        listed = np.asarray(value)
        if listed.dtype.kind not in "iuf":
            raise ValueError(f"expected a list of numbers, got one of {listed.dtype}")
        numbers = listed.astype(np.float32)
    if numbers.ndim != 1 or not numbers.size:
        raise ValueError(f"expected a list of numbers, got the shape {numbers.shape}")
    return numbers


def tokens(answer: object) -> int | None:
    """Return the number of tokens that a server states to have read; None where it states none."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    counted = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
    return counted if type(counted) is int and counted > 0 else None


def shape(answer: object) -> str:
    """Return what an answer looks like; never its texts."""
    if isinstance(answer, dict):
        keys = [repr(key)[:_SHOWN] for key in sorted(answer)[:_SHOWN_KEYS]]
        rows = [f"{len(value)} in {key!r}" for key, value in answer.items() if key in _ROWS and isinstance(value, list)]
        return f"an object with {', '.join(keys) or 'nothing in it'}{''.join(f' ({row})' for row in rows)}"
    return f"a list of {len(answer)}" if isinstance(answer, list) else type(answer).__name__
