"""How fast does evaluation encode beside other busy processes, and what do threads cost that spin while they wait?

    python -m benchmarks.threads [--texts 400] [--base mini-zh]

As many processes as there are cores compute all the time, as on a shared machine. Beside them the same texts (those of
`benchmarks.encode`) are encoded in the environment that tcmbench gives its processes, and in torch's default one:
as many threads as cores, whose waiting spins. Rival: `SentenceTransformer.encode` in torch's default environment.
Times are wall times: what spins costs processor time of everyone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

from benchmarks import _cost, _result, encode
from benchmarks._result import Row
from tcmbench import processor

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from benchmarks.encode import Encoded

_TEXTS, _QUICK_TEXTS = 400, 40
_DEFAULT = {processor.THREADS: "", processor.WAITING: ""}
_OURS = {processor.THREADS: "", processor.WAITING: "passive"}
_OURS_ALONE = {processor.THREADS: "1", processor.WAITING: "passive"}
_RIVAL = "SentenceTransformer.encode in torch's default environment"


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield wall times beside busy processes: with all cores, and with one thread."""
    texts = given.texts or (_QUICK_TEXTS if given.quick else _TEXTS)
    busy = processor.cores()
    with _busy(busy):
        rival = _apart(encode_theirs, given.base, texts, environment=_DEFAULT)
        for name, environment in (("all cores", _OURS), ("one thread", _OURS_ALONE)):
            own = _apart(encode_ours, given.base, texts, environment=environment)
            yield Row(
                case=f"{given.base}, {name}, beside {busy} busy processes: {texts:,} texts, {own.tokens:,} tokens",
                unit="wall s",
                ours=own.cost.wall,
                rival=rival.cost.wall,
                rival_name=_RIVAL,
                note=f"{name}: {own.tokens / own.cost.wall:,.0f} tokens a second against "
                f"{rival.tokens / rival.cost.wall:,.0f}; {own.cost.cpu:.1f} s of processor time against "
                f"{rival.cost.cpu:.1f} s.",
            )


def encode_ours(base: str, count: int) -> Encoded:
    """Encode with tcmbench, with the threads of its environment."""
    return encode.encode_ours(base, count, threads=None)


def encode_theirs(base: str, count: int) -> Encoded:
    """Encode with sentence-transformers alone, with torch's own number of threads."""
    return encode.encode_theirs(base, count, threads=None)


def _apart(function: object, base: str, count: int, *, environment: Mapping[str, str]) -> Encoded:
    """Return the result of a function in a new process, in which torch reads this environment."""
    before = {name: os.environ.get(name) for name in environment}
    try:
        for name, value in environment.items():
            _set(name, value or None)
        found: Encoded = _cost.apart(function, base, count)  # type: ignore[arg-type]
        return found
    finally:
        for name, earlier in before.items():
            _set(name, earlier)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep so many processes computing while the body runs."""
    processes = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _spin() -> None:
    while True:
        sum(range(10_000))


def options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument("--texts", type=int)
    parser.add_argument("--base", default="mini-zh")


if __name__ == "__main__":
    sys.exit(
        _result.command(
            __doc__, lambda given: list(figures(given)), packages=("torch", "sentence-transformers"), options=options
        )
    )
