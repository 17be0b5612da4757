"""Flips bits in every kind of artefact: each is detected and rebuilt, or refused, or was never read.

    python -m tests.fuzz.flip_bits [--flips 900] [--seed 0] [--only score]

Each time one bit of one file of an artefact is flipped, the artefact is used as a command uses it, and what it gave is
compared with what it gave before. A failure is another value, an error that isn't a TcmbenchError, or a use that takes
over 30 s. Exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import random
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
from tests.fuzz.artefacts import Artefact, Artefacts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

MOST_SECONDS = 30
OUTCOMES = ("rebuilt", "set aside", "refused", "harmless")
"""harmless: the value is right and nothing was said, as the file isn't read or the bit changes nothing in it."""


class TooLong(Exception):
    """A use took over 30 s."""


@dataclass
class Outcome:
    """What became of the flips."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """Kind of artefact → outcome → flips."""

    failures: list[str] = field(default_factory=list)
    """One text for each failure: which bit of which file, and what was wrong."""

    slowest: float = 0.0
    """Seconds of the use that took longest."""

    @property
    def flips(self) -> int:
        """How many there were."""
        return sum(counts.total() for counts in self.counts.values()) + len(self.failures)

    def __str__(self) -> str:
        """Return the figures as a table of Markdown."""
        rows = [f"| artefact | flips | {' | '.join(OUTCOMES)} |", f"|---|{'---:|' * (1 + len(OUTCOMES))}"]
        for name, counts in self.counts.items():
            rows.append(f"| {name} | {counts.total()} | {' | '.join(str(counts[each]) for each in OUTCOMES)} |")
        total = [sum(counts[each] for counts in self.counts.values()) for each in OUTCOMES]
        rows.append(f"| all | {sum(total)} | {' | '.join(map(str, total))} |")
        return "\n".join(
            [*rows, "", f"{self.flips} flips, {len(self.failures)} failures; slowest {self.slowest:.2f} s"]
        )


class _Said(logging.Handler):
    """Remembers whether an error was logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def flip(artefacts: Mapping[str, Artefact], *, flips: int, seed: int) -> Outcome:
    """Return what became of this many flips, spread evenly over the artefacts."""
    outcome = Outcome({name: Counter() for name in artefacts})
    logger, said = logging.getLogger("tcmbench"), _Said()
    previous = signal.signal(signal.SIGALRM, _stop)
    logger.addHandler(said)
    try:
        for name, artefact in artefacts.items():
            right = artefact.use()
            with _kept(artefact.path) as whole:
                for index in range(flips // len(artefacts)):
                    where = _flip(artefact.path, random.Random(f"{seed} {name} {index}"))
                    said.lines.clear()
                    start = time.monotonic()
                    try:
                        kind = _used(artefact, right, said)
                        outcome.counts[name][kind] += 1
                    except Exception:  # noqa: BLE001 - which ones come is what is looked for
                        outcome.failures.append(f"{name}, {where}\n{traceback.format_exc()[-3000:]}")
                    outcome.slowest = max(outcome.slowest, time.monotonic() - start)
                    _restore(artefact.path, whole)
    finally:
        logger.removeHandler(said)
        signal.signal(signal.SIGALRM, previous)
    return outcome


def _used(artefact: Artefact, right: object, said: _Said) -> str:
    """Return the outcome of one use.

    Raises:
        AssertionError: Another value came, or an error without words, or another value instead that nobody spoke of.
    """
    signal.alarm(MOST_SECONDS)
    try:
        value = artefact.use()
    except TcmbenchError as error:
        return _refused(artefact, error)
    finally:
        signal.alarm(0)
    if value == right:
        return "rebuilt" if said.lines else "harmless"
    assert value in artefact.fallbacks, f"expected {right!r:.500}, got {value!r:.500}"
    assert said.lines, f"nothing was said, but got {value!r:.500}"
    return "set aside"


def _refused(artefact: Artefact, error: TcmbenchError) -> str:
    assert str(artefact.path) in str(error), f"expected a message that names the file, got {error}"
    return "refused"


def _flip(path: Path, rng: random.Random) -> str:
    """Flip one bit of one file and return which."""
    files = sorted(each for each in path.rglob("*") if each.is_file() and each.stat().st_size) or [path]
    chosen = rng.choice(files)
    data = bytearray(chosen.read_bytes())
    place, bit = rng.randrange(len(data)), rng.randrange(8)
    data[place] ^= 1 << bit
    chosen.write_bytes(data)
    return f"bit {bit} of byte {place} of {chosen.relative_to(path.parent)}"


class _kept(tempfile.TemporaryDirectory[str]):  # noqa: N801 - used as a function
    """Keeps a copy of an artefact; gives its path."""

    def __init__(self, path: Path) -> None:
        super().__init__(prefix="whole-")
        self._path = path

    def __enter__(self) -> Path:  # type: ignore[override]
        whole = Path(super().__enter__()) / "artefact"
        _restore(whole, self._path)
        return whole


def _restore(path: Path, whole: Path) -> None:
    """Make a folder or file a copy of another."""
    if whole.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
    else:
        shutil.copyfile(whole, path)


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TooLong(f"expected an answer within {MOST_SECONDS} s")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="artefacts whose names begin so")
    chosen = parser.parse_args()
    importlib.import_module("mteb")  # takes seconds, which are no use's
    logging.getLogger("tcmbench").propagate = False
    with tempfile.TemporaryDirectory(prefix="flip-") as root, Artefacts(Path(root)) as made:
        artefacts = {name: each for name, each in made.all().items() if name.startswith(chosen.only)}
        outcome = flip(artefacts, flips=chosen.flips, seed=chosen.seed)
    sys.stdout.write("\n".join([*outcome.failures, str(outcome), ""]))
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
