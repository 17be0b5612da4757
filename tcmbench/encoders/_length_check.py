"""Whether a server reads as much of a text as its base says: neither more nor, where that can be seen, less.

Texts that differ only in a part have one vector if the server doesn't read that part. The probes have about one token
per character in every common tokenizer: ideographs, each followed by a full-width comma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tcmbench.encoders._http import RefusedRequest
from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tcmbench.encoders._cut import TextCutter

LONGEST = 8192
"""Tokens up to which it is checked: longer probes would cost more than the texts of most tasks."""

_HERE = "证候舌苔脉弦滑数肝胆脾胃肾虚痰湿瘀热"
_THERE = "山川河流树木花草飞鸟游鱼春夏秋冬东西南"
_BEYOND = 1.25
_LEAST_COUNTED = 0.9
_SAME = 2e-3
"""Relative length of the difference between vectors, or logits, of texts that are read alike."""


class ProbeAnswer(NamedTuple):
    """What a server gives for some texts."""

    values: NDArray[np.float32]
    """Vectors of unit length, or logits, one row per text."""

    tokens: int | None
    """Tokens of the first text, as the server counts them; None where it doesn't."""


def require_length(
    read: Callable[[list[str]], ProbeAnswer], *, max_length: int, cutter: TextCutter | None, where: str
) -> None:
    """Check how much of a long text a server reads.

    Args:
        read: Sends texts.
        max_length: Tokens that the base says are read.
        cutter: Cuts texts before they are sent; None where the server has to cut.
        where: The server, for messages.

    Raises:
        EvaluationError: It reads more, or fewer; or it refuses texts as long as those.
    """
    if max_length > LONGEST:
        return
    if cutter is not None:
        _require_whole(read, max_length=max_length, cutter=cutter, where=where)
    else:
        _require_cut(read, max_length=max_length, where=where)


def _require_whole(
    read: Callable[[list[str]], ProbeAnswer], *, max_length: int, cutter: TextCutter, where: str
) -> None:
    """Check that the end of a text that was cut here is read."""
    whole = cutter.texts([_text(4 * max_length)])[0]
    last = max(len(whole) // 16, 4)
    reading = read([whole, cutter.texts([whole[:-last] + _text(last, _THERE)])[0]])
    if _are_same(reading.values):
        raise EvaluationError(
            f"{where}: the server doesn't read texts to their end, which are cut at max_length = {max_length} tokens "
            "here. Have it read as many, or set max_length of the base to what it reads."
        )


def _require_cut(read: Callable[[list[str]], ProbeAnswer], *, max_length: int, where: str) -> None:
    """Check that the server cuts near the length, from which on nothing may change the vector."""
    start, end = int(_BEYOND * max_length), 2 * max_length
    remedy = (
        f"Texts have to be cut at {max_length} tokens: name a base whose tokenizer cuts them here (`tokenizer` in the "
        "options), or tell the server (`body`; vLLM: truncate_prompt_tokens), or set max_length of the base to what it "
        "reads."
    )
    try:
        reading = read([_text(end), _text(start) + _text(end - start, _THERE)])
    except RefusedRequest:
        # It refuses long texts instead of cutting them, so it must refuse those that are a little too long.
        try:
            read([_text(start)])
        except RefusedRequest:
            return
        raise EvaluationError(f"{where}: the server reads texts of more than max_length tokens. {remedy}") from None
    if not _are_same(reading.values):
        raise EvaluationError(f"{where}: the server reads texts of more than max_length tokens. {remedy}")
    if reading.tokens is not None and reading.tokens < _LEAST_COUNTED * max_length:
        raise EvaluationError(f"{where}: the server reads only {reading.tokens} tokens of a long text. {remedy}")


def _are_same(values: NDArray[np.float32]) -> bool:
    first, second = values.astype(np.float64)
    return bool(np.linalg.norm(first - second) <= _SAME * max(1.0, float(np.linalg.norm(first))))


def _text(length: int, characters: str = _HERE) -> str:
    pairs = "".join(f"{character}，" for character in characters)
    return (pairs * (length // len(pairs) + 1))[:length]
