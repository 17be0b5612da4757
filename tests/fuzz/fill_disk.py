"""Fills the disk under commands at places that are drawn: each ends with 2 and a message, and later as if it never had.

    python -m tests.fuzz.fill_disk [--attempts 60] [--seed 0] [--only run]

The disk is a tmpfs of some kilobytes more than its contents, for which this must be root. An attempt fails where a
command ends with another code than 0 or 2, shows a traceback, doesn't name the folder and its room, or leaves something
half-written; and where the same commands, once there is room, give other figures than on a disk that never was full.
Exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz import scene

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDS_KIB = {"run": 1500, "board": 500, "baseline": 12, "outputs": 60, "figures": 500, "synth": 700, "build": 300}
_MOST_KIB = 1024 * 1024
_TMPFS = 6 * 1024


@dataclass
class Tally:
    """What became of the attempts."""

    done: Counter[str] = field(default_factory=Counter)
    """Command → attempts that found room enough."""

    refused: Counter[str] = field(default_factory=Counter)
    """Command → attempts that ended with 2 and a message."""

    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the figures in one line."""
        shown = ", ".join(f"{name} {count}" for name, count in sorted(self.refused.items()))
        total = self.done.total() + self.refused.total() + len(self.failures)
        return (
            f"{total} attempts: {self.refused.total()} found the disk full ({shown}), {self.done.total()} had room "
            f"enough, {len(self.failures)} failures"
        )


def fill(commands: Sequence[str], *, attempts: int, seed: int) -> Tally:
    """Return what became of this many attempts, spread evenly over the commands."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="full-") as folder:
        prepared = scene.Prepared(Path(folder))
        for index in range(attempts):
            name = commands[index % len(commands)]
            rng = random.Random(f"{seed} {name} {index}")
            left = int(math.exp(rng.uniform(math.log(4), math.log(_NEEDS_KIB.get(name, _TMPFS)))))
            problem = _attempt(prepared, name, left, Path(folder) / f"disk-{index}", tally)
            if problem:
                tally.failures.append(f"{name} with {left} KiB: {problem}")
            sys.stderr.write(f"{index + 1}/{attempts}: {name} with {left} KiB: {problem or 'as expected'}\n")
    return tally


def can_mount() -> bool:
    """Return whether this process may mount a file system."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(_mount(Path(folder), 64), capture_output=True, check=False).returncode == 0
        if mounted:
            subprocess.run(["umount", folder], check=True)
        return mounted


def _attempt(prepared: scene.Prepared, name: str, left: int, disk: Path, tally: Tally) -> str:
    """Run a command with some KiB left, then again with room; return what is wrong, or nothing."""
    disk.mkdir()
    subprocess.run(_mount(disk, _MOST_KIB), check=True)
    stderr = disk.with_suffix(".stderr")
    try:
        scene.copy(prepared.start_of(name), disk)
        used = _used(disk)
        subprocess.run(_mount(disk, used + left, "remount"), check=True)
        ended = scene.start(disk, scene.COMMANDS[name], stderr=stderr).wait()
        if problem := _judged(ended, disk):
            return problem
        (tally.refused if ended.code else tally.done)[name] += 1
        subprocess.run(_mount(disk, _MOST_KIB, "remount"), check=True)
        for again in dict.fromkeys((name, "run", "baseline")):  # a run writes the board too
            ended = scene.start(disk, scene.COMMANDS[again], stderr=stderr).wait()
            if ended.code:
                return f"with room again, {again} ended with {ended.code}: {ended.said}"
        return "" if scene.figures(disk) == prepared.figures else f"other figures: {scene.figures(disk)}"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _judged(ended: scene.Ended, disk: Path) -> str:
    if ended.code not in {0, 2}:
        return f"exit code {ended.code}: {ended.said}"
    if "Traceback" in ended.said:
        return f"a traceback: {ended.said}"
    if left := scene.leftovers(disk):
        return f"left half-written: {left}"
    if ended.code == 2 and not ("free in" in ended.said and str(disk) in ended.said):
        return f"a message without the folder and its room: {ended.said}"
    return ""


def _used(disk: Path) -> int:
    status = os.statvfs(disk)
    return (status.f_blocks - status.f_bfree) * status.f_frsize // 1024


def _mount(disk: Path, kib: int, *options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={kib}k"]), "tmpfs", str(disk)]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attempts", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose names begin so")
    chosen = parser.parse_args()
    tally = fill(
        [name for name in scene.COMMANDS if name.startswith(chosen.only)], attempts=chosen.attempts, seed=chosen.seed
    )
    sys.stdout.write("\n".join([*tally.failures, str(tally), ""]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
