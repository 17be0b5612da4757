"""Feeds damaged files to every reader: each input is read or refused with a message, and nothing else.

    python -m tests.fuzz.fuzz_readers [--inputs 2400] [--seed 0] [--only tasks/sts]

Each input is a small valid one with one to three changes, and follows from seed, target and number alone. A failure is
any error that isn't a TcmbenchError, a message without words, or an input that takes over 30 s; memory is limited to
4 GiB, beyond which Python raises MemoryError, a failure too. Exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import importlib
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench.errors import TcmbenchError
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import Target, described, targets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

MOST_SECONDS = 30
MOST_BYTES = 4 << 30


class TooLong(Exception):
    """An input took over 30 s."""


@dataclass
class Outcome:
    """What became of the inputs."""

    read: int = 0
    """Inputs that were read."""

    refused: Counter[str] = field(default_factory=Counter)
    """Kind of error → inputs that were refused with it."""

    failures: list[str] = field(default_factory=list)
    """One text for each failure: the input, and the traceback."""

    slowest: tuple[float, str] = (0.0, "")
    """Seconds of the input that took longest, and which it was."""

    @property
    def inputs(self) -> int:
        """How many there were."""
        return self.read + self.refused.total() + len(self.failures)

    def __str__(self) -> str:
        """Return the figures in one paragraph."""
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.refused.most_common())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return (
            f"{self.inputs:,} inputs: {self.read:,} read, {self.refused.total():,} refused ({kinds}), "
            f"{len(self.failures)} failures; slowest {self.slowest[0]:.2f} s ({self.slowest[1]}), peak memory "
            f"{peak:.0f} MiB"
        )


def fuzz(chosen: Mapping[str, Target], *, inputs: int, seed: int) -> Outcome:
    """Return what became of this many inputs, spread evenly over the targets."""
    importlib.import_module("mteb")  # takes seconds, which are no input's
    outcome = Outcome()
    previous = signal.signal(signal.SIGALRM, _stop)
    names = sorted(chosen)
    try:
        for index in range(inputs):
            name = names[index % len(names)]
            _try(chosen[name], name, index, seed, outcome)
    finally:
        signal.signal(signal.SIGALRM, previous)
    return outcome


def _try(target: Target, name: str, index: int, seed: int, outcome: Outcome) -> None:
    parent = Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder = parent / "input"
    folder.mkdir()
    target.write(folder)
    changes = mutate(folder, random.Random(f"{seed} {name} {index}"))
    start = time.monotonic()
    signal.alarm(MOST_SECONDS)
    try:
        target.use(folder)
        outcome.read += 1
    except TcmbenchError as error:
        if len(str(error)) > len("a message"):
            outcome.refused[type(error).__name__] += 1
        else:
            outcome.failures.append(f"{described(name, index, seed, changes)}\nan error without words: {error!r}")
    except Exception:  # noqa: BLE001 - which ones come is what is looked for
        outcome.failures.append(f"{described(name, index, seed, changes)}\n{traceback.format_exc()[-3000:]}")
    finally:
        signal.alarm(0)
        outcome.slowest = max(outcome.slowest, (time.monotonic() - start, described(name, index, seed, changes)))
        shutil.rmtree(parent, ignore_errors=True)


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TooLong(f"expected an answer within {MOST_SECONDS} s")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="targets whose names begin so")
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    outcome = fuzz(
        {name: target for name, target in targets().items() if name.startswith(chosen.only)},
        inputs=chosen.inputs,
        seed=chosen.seed,
    )
    sys.stdout.write("\n".join([*outcome.failures, str(outcome), ""]))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
