"""Does an augmented training set stream? 43,180 records x 24 field permutations in 500 MiB of memory.

    python -m benchmarks.augmentation_stream --out DIR                all: about 2.4 GB are written to DIR, and removed
    python -m benchmarks.augmentation_stream --out DIR --records 4000 --negatives 8

Ours is `tcmbench.trainsets.build`, whole: views, label-unique order, lines, rows.parquet, statistics. The rival is
the usual script, reimplemented here: all lines in a list, shuffled, dumped with json.dumps; it runs on a tenth of the
records, and its time and memory beyond the data are multiplied by ten, as a list is linear.
The disk is measured by writing the bytes of the finished file again from memory, in blocks of 1 MiB, with fsync;
ours has to keep up with a hard disk.

Tokens are characters here, so that no tokenizer is measured. Each side runs in its own process, for its peak memory.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import _cost, _made_up, _result
from benchmarks._result import Row
from tcmbench.specs.base import Base
from tcmbench.specs.source import NegativesSpec
from tcmbench.specs.variant import AugmentationSpec, Training, Variant
from tcmbench.store import Store
from tcmbench.trainers import requirements
from tcmbench.trainsets import Context
from tcmbench.trainsets.build import build

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from benchmarks._cost import Cost
    from tcmbench.data.tcm_sd import Syndrome

MOST_MEMORY = 500
_DISK = 150e6
"""Bytes a second. Hard disks and shared folders over a gigabit take no more, and what keeps up with them is written at
disk speed; the row beside says how far it is from the disk of this machine, which may be several times as fast."""

VIEWS = 24
_PART = 10
_BLOCK = 1 << 20


class Written(NamedTuple):
    """Costs of one side."""

    cost: Cost
    bytes: int


class Characters:
    """One token per character."""

    revision = "characters"
    reserved = 0

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the numbers of characters."""
        return [len(text) for text in texts]

    def cut(self, text: str, limit: int) -> str:
        """Return the first characters."""
        return text[:limit]


def ours(records: int, negatives: int, out: Path) -> Written:
    """Build the training set."""
    folder = _made_up.folder(records=records)
    mined = NegativesSpec(miner="random", options={"count": negatives}) if negatives else NegativesSpec()
    variant = Variant(
        name="stream",
        base="none",
        data="made-up",
        negatives=mined,
        augmentation=AugmentationSpec(name="field_permutations"),
        batch_rule="plain",
        training=Training(max_length=4096),
    )
    base = Base(name="none", kind="embedding", path="none")
    context = Context(store=Store(out / "store"), tokenizer=Characters(), requirements=requirements(variant))

    def work() -> int:
        made = build(variant, base, folder, seed=0, context=context)
        return made.train.stat().st_size + made.rows.stat().st_size

    return _written(work)


def rival(records: int, negatives: int, out: Path) -> Written:
    """Write the same lines from a list."""
    folder = _made_up.folder(records=records)
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

    return _written(work)


def disk(size: int, out: Path) -> Written:
    """Write a number of bytes from memory."""
    block = os.urandom(_BLOCK)

    def work() -> int:
        with (out / "plain.bin").open("wb", buffering=0) as file:
            for _ in range(size // _BLOCK):
                file.write(block)
            os.fsync(file.fileno())
        return size

    return _written(work)


def _message(syndrome: Syndrome, order: Sequence[int]) -> dict[str, str]:
    lines = syndrome.document().split("\n")
    return {"role": "user", "content": "\n".join(lines[i] for i in order)}


def _written(work: Callable[[], int]) -> Written:
    size, cost = _cost.of(work)
    return Written(cost, size)


def _speed(written: Written) -> str:
    return f"{written.bytes / written.cost.wall / 1e6:.0f} MB/s"


def figures(given: argparse.Namespace) -> list[Row]:
    """Run all three sides."""
    records = given.records or (2000 if given.quick else _made_up.RECORDS)
    out = Path(tempfile.mkdtemp(dir=given.out))
    try:
        own = _cost.apart(ours, records, given.negatives, out)
        shutil.rmtree(out / "store")
        plain = _cost.apart(disk, own.bytes, out)
        (out / "plain.bin").unlink()
        part = _cost.apart(rival, records // _PART, given.negatives, out)
    finally:
        shutil.rmtree(out)
    case = f"{records:,} records × {VIEWS} permutations, {given.negatives} negatives: {own.bytes / 1e9:.2f} GB"
    whole = Row(
        case=case,
        unit="processor s",
        ours=own.cost.cpu,
        rival=part.cost.cpu * _PART,
        rival_name="list and json.dumps, extrapolated",
        mib=own.cost.before + own.cost.mib,
        rival_mib=part.cost.before + part.cost.mib * _PART,
        most_mib=MOST_MEMORY,
        note=f"MiB of this one: the whole process, interpreter and records ({own.cost.before:.0f} MiB) counted. The "
        f"list is made for a tenth of the records, its time and memory multiplied by {_PART}. The disk: the same bytes "
        "written from memory in blocks of 1 MiB, with fsync; ours computes views, order, "
        "statistics and rows beside, and the SHA-256 of the file, in the thread that writes it.",
    )
    script = Row(
        case=case,
        unit="wall s",
        ours=own.cost.wall,
        rival=part.cost.wall * _PART,
        rival_name="list and json.dumps, extrapolated",
    )
    written = Row(
        case=case,
        unit="wall s",
        ours=own.cost.wall,
        rival=plain.cost.wall,
        rival_name="the bytes alone, with fsync",
        most=round(own.bytes / _DISK, 1),
        note=f"Goal: {_DISK / 1e6:.0f} MB/s, which hard disks and shared folders over a gigabit take. "
        f"Ours: {_speed(own)}; this machine's disk: {_speed(plain)}.",
    )
    return [whole, script, written]


def options(parser: argparse.ArgumentParser) -> None:
    """Add the sizes."""
    parser.add_argument("--records", type=int, help=f"how many; {_made_up.RECORDS:,} by default")
    parser.add_argument("--negatives", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder on the disk to measure; a temporary one by default")


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, figures, packages=("numpy", "pyarrow"), options=options))
