"""Does an augmented training set stream? 43,180 records x 24 field permutations in 500 MiB of memory.

    python -m benchmarks.augmentation_stream --out DIR                all: about 2.4 GB are written to DIR, and removed
    python -m benchmarks.augmentation_stream --out DIR --records 4000 --negatives 8

Ours is `tcmbench.trainsets.build`, whole: views, label-unique order, lines, rows.parquet, statistics. The rival is
what such scripts do, written here in our own words: all lines in a list, shuffled, dumped with json.dumps; it runs
on a tenth of the records, and its time and memory beyond the data are multiplied by ten, which is what a list takes.
The disk is measured by writing the bytes of the finished file again from memory, in blocks of 1 MiB, with fsync.

Tokens are characters here, so that no tokenizer is measured. Each way runs in a process of its own, for its peak
memory. Exits 1 when ours needs more than 500 MiB.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import made_up
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Augmentation, Negatives, Training, Variant
from tcmbench.store import Store
from tcmbench.trainsets import Context
from tcmbench.trainsets.build import build

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.data.tcm_sd import Syndrome

MOST_MEMORY = 500
VIEWS = 24
_PART = 10
_BLOCK = 1 << 20


class Cost(NamedTuple):
    """What one way took."""

    cpu: float
    wall: float
    peak: float
    """MiB, the data and the interpreter counted."""

    before: float
    """MiB with the data read."""

    bytes: int


class Characters:
    """One token a character."""

    revision = "characters"
    reserved = 0

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the numbers of characters."""
        return [len(text) for text in texts]

    def cut(self, text: str, limit: int) -> str:
        """Return the first characters."""
        return text[:limit]


def ours(records: int, negatives: int, out: Path) -> Cost:
    """Build the training set."""
    folder = made_up.folder(records=records)
    mined = Negatives(miner="random", options={"count": negatives}) if negatives else Negatives()
    variant = Variant(
        name="stream",
        base="none",
        data="made-up",
        negatives=mined,
        augmentation=Augmentation(name="field_permutations"),
        batch_rule="plain",
        training=Training(max_length=4096),
    )
    base = Base(name="none", kind="embedding", path="none")
    context = Context(store=Store(out / "store"), tokenizer=Characters())

    def work() -> int:
        made = build(variant, base, folder, seed=0, context=context)
        return made.train.stat().st_size + made.rows.stat().st_size

    return _cost(work)


def rival(records: int, negatives: int, out: Path) -> Cost:
    """Write the same lines from a list."""
    folder = made_up.folder(records=records)
    at = {syndrome.doc_id: syndrome for syndrome in folder.knowledge}
    drawn = random.Random(0)

    def work() -> int:
        lines = []
        for record in folder.splits["train"]:
            others = drawn.sample(folder.knowledge, negatives)
            for order in itertools.permutations(range(4)):
                lines.append(  # noqa: PERF401 - a nested comprehension would say less
                    {
                        "messages": [{"role": "user", "content": record.query()}],
                        "positive_messages": [[_message(at[record.labels[0]], order)]],
                        "negative_messages": [[_message(other, order)] for other in others],
                    }
                )
        drawn.shuffle(lines)
        path = out / "rival.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        return path.stat().st_size

    return _cost(work)


def disk(size: int, out: Path) -> Cost:
    """Write so many bytes from memory."""
    block = os.urandom(_BLOCK)

    def work() -> int:
        with (out / "plain.bin").open("wb", buffering=0) as file:
            for _ in range(size // _BLOCK):
                file.write(block)
            os.fsync(file.fileno())
        return size

    return _cost(work)


def _message(syndrome: Syndrome, order: Sequence[int]) -> dict[str, str]:
    lines = syndrome.document().split("\n")
    return {"role": "user", "content": "\n".join(lines[i] for i in order)}


def _cost(work: Callable[[], int]) -> Cost:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu, wall = time.process_time(), time.perf_counter()
    size = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, peak, before, size)


def _apart(way: Callable[..., Cost], *arguments: object) -> Cost:
    """Return the cost of a way that runs in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(way, arguments)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=made_up.RECORDS)
    parser.add_argument("--negatives", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="folder on the disk to measure; default: temporary")
    given = parser.parse_args()
    out = Path(tempfile.mkdtemp(dir=given.out))
    try:
        own = _apart(ours, given.records, given.negatives, out)
        shutil.rmtree(out / "store")
        plain = _apart(disk, own.bytes, out)
        (out / "plain.bin").unlink()
        part = _apart(rival, given.records // _PART, given.negatives, out)
    finally:
        shutil.rmtree(out)
    memory = part.before + (part.peak - part.before) * _PART
    print(f"{given.records} records x {VIEWS} permutations, {given.negatives} negatives: {own.bytes / 1e9:.2f} GB")
    print(f"{'':34}{'CPU s':>10}{'wall s':>10}{'MB/s':>8}{'peak MiB':>10}")
    rows = (
        ("list and json.dumps, extrapolated", part.cpu * _PART, part.wall * _PART, part.bytes * _PART, memory),
        ("tcmbench", own.cpu, own.wall, own.bytes, own.peak),
        ("the bytes alone, with fsync", plain.cpu, plain.wall, plain.bytes, plain.peak),
    )
    for name, cpu, wall, size, peak in rows:
        print(f"{name:34}{cpu:10.1f}{wall:10.1f}{size / wall / 1e6:8.0f}{peak:10.0f}")
    print(f"of tcmbench's peak, {own.before:.0f} MiB are the interpreter and the records (goal {MOST_MEMORY})")
    print(made_up.environment(["numpy", "pyarrow"]))
    return 0 if own.peak <= MOST_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
