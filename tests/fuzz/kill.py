"""Kills commands at times that are drawn: afterwards the same commands come to the same figures.

    python -m tests.fuzz.kill [--attempts 40] [--seed 0] [--only run]

Each command gets SIGKILL after a share of the time that it takes undisturbed; some are killed several times in a row.
An attempt fails where a command after it doesn't end with 0, shows a traceback, gives other figures than one that
nothing disturbed, or where a process of the killed one lives on. Exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz import scene
from tests.processes import is_gone

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Tally:
    """What became of the attempts."""

    killed: Counter[str] = field(default_factory=Counter)
    """Command → attempts in which a kill found it at work."""

    ended: Counter[str] = field(default_factory=Counter)
    """Command → attempts in which it had ended before."""

    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the figures in one line."""
        shown = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        total = self.killed.total() + self.ended.total() + len(self.failures)
        return (
            f"{total} attempts: {self.killed.total()} killed at work ({shown}), {self.ended.total()} had ended before, "
            f"{len(self.failures)} failures"
        )


def kill(commands: Sequence[str], *, attempts: int, seed: int) -> Tally:
    """Return what became of this many attempts, spread evenly over the commands."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        prepared = scene.Prepared(Path(folder))
        seconds = {name: _seconds(prepared, name, Path(folder) / f"timed-{name}") for name in commands}
        for index in range(attempts):
            name = commands[index % len(commands)]
            rng = random.Random(f"{seed} {name} {index}")
            after = [rng.uniform(0, seconds[name]) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            problem = _attempt(prepared, name, after, Path(folder) / f"place-{index}", tally)
            if problem:
                tally.failures.append(f"{name} after {after}: {problem}")
            sys.stderr.write(f"{index + 1}/{attempts}: {name} after {after}: {problem or 'as expected'}\n")
    return tally


def _seconds(prepared: scene.Prepared, name: str, place: Path) -> float:
    """Return how long a command takes that nothing disturbs."""
    scene.copy(prepared.start_of(name), place)
    start = time.monotonic()
    ended = scene.start(place, scene.COMMANDS[name], stderr=place.with_suffix(".stderr")).wait()
    if ended.code:
        raise AssertionError(f"{name}: {ended}")
    return time.monotonic() - start


def _attempt(prepared: scene.Prepared, name: str, after: Sequence[float], place: Path, tally: Tally) -> str:
    """Kill a command after so many seconds, several times in a row; return what is wrong, or nothing."""
    scene.copy(prepared.start_of(name), place)
    stderr = place.with_suffix(".stderr")
    killed = False
    for seconds in after:
        child = scene.start(place, scene.COMMANDS[name], stderr=stderr)
        time.sleep(seconds)
        below = _below(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        killed |= child.wait().code == -signal.SIGKILL
        if alive := [pid for pid in below if not is_gone(pid)]:
            return f"processes that live on: {alive}"
    (tally.killed if killed else tally.ended)[name] += 1
    for again in dict.fromkeys((name, "run", "baseline")):  # a run writes the board too
        ended = scene.start(place, scene.COMMANDS[again], stderr=stderr).wait()
        if ended.code or "Traceback" in ended.said:
            return f"afterwards {again} ended with {ended.code}: {ended.said}"
    return "" if scene.figures(place) == prepared.figures else f"other figures: {scene.figures(place)}"


def _below(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose names begin so")
    chosen = parser.parse_args()
    tally = kill(
        [name for name in scene.COMMANDS if name.startswith(chosen.only)], attempts=chosen.attempts, seed=chosen.seed
    )
    sys.stdout.write("\n".join([*tally.failures, str(tally), ""]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
