"""How much faster are candidates scored that share the forward of their query? Against CrossEncoder.predict.

    python -m benchmarks.rerank_prefix [--queries 6] [--reranker mini-zh-reranker]

Queries of three lengths: a question, a clinical record (300 characters) and a long one (600), each with 20 candidates
of about 150 characters; and a question with two candidates. Both sides in one process and in turns, the faster of two
rounds; logits must agree. `CrossEncoder.predict` gets 32 pairs per batch. The second rival is tcmbench without sharing:
pairs of similar length per batch, each as a whole.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _result
from benchmarks._result import Row
from benchmarks.encode import loaded, texts_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

_QUERIES, _QUICK_QUERIES = 6, 2
_DOCUMENT = 150
_TOLERANCE = {"float32": 5e-5, "bfloat16": 0.5, "float16": 0.1}
"""Of logits between about -10 and 20."""


class Shape(NamedTuple):
    """Lengths of a task's pairs."""

    name: str
    query: int
    candidates: int
    least_ratio: float
    """Goal against CrossEncoder.predict on one core."""


_SHAPES = (
    Shape("a question", query=15, candidates=20, least_ratio=1.0),
    Shape("a record", query=300, candidates=20, least_ratio=2.0),
    Shape("a long record", query=600, candidates=20, least_ratio=3.0),
    Shape("a question with two candidates", query=15, candidates=2, least_ratio=1.0),
)


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield two rows per shape, one for each rival."""
    import numpy as np
    import torch

    model = loaded(given.reranker)
    dtype = str(next(model.model.parameters()).dtype).removeprefix("torch.")
    on_gpu = model.model.device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    for shape in _SHAPES:
        count = (_QUICK_QUERIES if given.quick else given.queries or _QUERIES) * 20 // shape.candidates
        pairs = pairs_of(shape, count)
        sides = {
            "CrossEncoder.predict": partial(theirs, model, pairs),
            "tcmbench without sharing": partial(whole, model, pairs),
            "tcmbench": partial(ours, model, pairs),
        }
        seconds, logits = timed(sides, clock=clock, rounds=1 if given.quick else 2)
        apart = max(float(np.abs(logits["tcmbench"] - other).max()) for other in logits.values())
        rounding = float(np.abs(logits["CrossEncoder.predict"] - logits["tcmbench without sharing"]).max())
        if apart > _TOLERANCE[dtype]:
            _result.fail(f"{shape.name}: logits differ by {apart}")
        model._batches.tokens = model._batches.padded = 0
        ours(model, pairs)
        share = model.padded_tokens / model.encoded_tokens
        for rival in ("CrossEncoder.predict", "tcmbench without sharing"):
            yield Row(
                case=f"{given.reranker}: {shape.name}, {count} queries × {shape.candidates}",
                unit="wall s" if on_gpu else "processor s",
                ours=seconds["tcmbench"],
                rival=seconds[rival],
                rival_name=rival,
                least_ratio=shape.least_ratio if rival == "CrossEncoder.predict" else None,
                note=f"{shape.name} × {shape.candidates}: {share:.2f} tokens computed per token of the "
                f"pairs, padding included; logits differ by {apart:.1e} at most, those of the two rivals by "
                f"{rounding:.1e} (torch {torch.__version__}, {dtype}).",
            )


def timed(
    sides: Mapping[str, Callable[[], NDArray[np.float32]]], *, clock: Callable[[], float], rounds: int
) -> tuple[dict[str, float], dict[str, NDArray[np.float32]]]:
    """Return the seconds of each side, the least of its rounds, and its logits."""
    seconds: dict[str, float] = {}
    logits: dict[str, NDArray[np.float32]] = {}
    for _ in range(rounds):
        for name, work in sides.items():
            start = clock()
            logits[name] = work()
            seconds[name] = min(seconds.get(name, float("inf")), clock() - start)
    return seconds, logits


def pairs_of(shape: Shape, count: int) -> list[tuple[str, str]]:
    """Return queries with their candidates, cut out of generated records; lengths vary by half."""
    import numpy as np

    drawn = np.random.default_rng(5)
    text = "".join(texts_of(1600))
    around = drawn.lognormal(0, 0.3, count * (1 + shape.candidates))
    places = drawn.integers(0, len(text) - 4000, len(around))

    def cut(number: int, length: int) -> str:
        start = int(places[number])
        return text[start : start + max(int(length * around[number]), 2)]

    return [
        (cut(query, shape.query), cut(count + query * shape.candidates + number, _DOCUMENT))
        for query in range(count)
        for number in range(shape.candidates)
    ]


def ours(model: Any, pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
    """Score with tcmbench."""
    logits: NDArray[np.float32] = model.predict([{"text": [q for q, _ in pairs]}], [{"text": [d for _, d in pairs]}])
    return logits


def whole(model: Any, pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
    """Score with tcmbench, each pair as a whole."""
    prefix, model._prefix = model._prefix, None
    try:
        return ours(model, pairs)
    finally:
        model._prefix = prefix


def theirs(model: Any, pairs: list[tuple[str, str]]) -> NDArray[np.float32]:
    """Score with sentence-transformers alone."""
    import numpy as np
    from torch.nn import Identity

    logits = model.model.predict(
        pairs, prompt=model._instruction, batch_size=32, activation_fn=Identity(), show_progress_bar=False
    )
    return np.asarray(logits, dtype=np.float32)


def options(parser: argparse.ArgumentParser) -> None:
    """Add size and base."""
    parser.add_argument("--queries", type=int, help=f"queries with 20 candidates; {_QUERIES} by default")
    parser.add_argument("--reranker", default="mini-zh-reranker", help="a reranker whose weights are here")


if __name__ == "__main__":
    packages = ("sentence-transformers", "transformers", "torch", "numpy")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
