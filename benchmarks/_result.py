"""The result of a benchmark: rival, ours, ratio, memory, the goal and whether it is met; with the environment.

Every benchmark of this folder is `python -m benchmarks.NAME [--quick] [--json FILE]`; `command` implements this
interface.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "PYTHONWARNINGS": "ignore",
}
"""Set for every benchmark and its processes, so that figures don't depend on how many cores happen to be idle."""


class Row(BaseModel):
    """One figure: a cost (seconds, a padding) unless `least` makes it a share that should be high."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    """What was measured, with its size."""

    unit: str
    """Of `ours` and `rival`."""

    ours: float

    rival: float | None = None

    rival_name: str = ""

    mib: float | None = None
    """Peak of ours; above the data and the interpreter unless the note says otherwise."""

    rival_mib: float | None = None

    least_ratio: float | None = None
    """Goal: rival / ours."""

    least: float | None = None
    """Goal: ours, where more is better."""

    most: float | None = None
    """Goal: ours, where less is better."""

    most_mib: float | None = None
    """Goal: memory."""

    note: str = ""
    """What a reader must know to judge the figure: what was extrapolated, what was left out."""

    @property
    def ratio(self) -> float | None:
        """The rival's cost over ours."""
        return None if self.rival is None or not self.ours else self.rival / self.ours

    @property
    def goal(self) -> str:
        """The goals in words; empty where none is set."""
        parts = [
            self.least_ratio is not None and f"ratio ≥ {self.least_ratio:g}",
            self.least is not None and f"≥ {self.least:g} {self.unit}",
            self.most is not None and f"≤ {self.most:g} {self.unit}",
            self.most_mib is not None and f"≤ {self.most_mib:g} MiB",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def is_met(self) -> bool | None:
        """Whether every goal is met; None where none is set. A figure that is missing meets nothing."""
        checks = []
        if self.least_ratio is not None:
            checks.append(self.ratio is not None and self.ratio >= self.least_ratio)
        if self.least is not None:
            checks.append(self.ours >= self.least)
        if self.most is not None:
            checks.append(self.ours <= self.most)
        if self.most_mib is not None:
            checks.append(self.mib is not None and self.mib <= self.most_mib)
        return all(checks) if checks else None


class LeftOut(BaseModel):
    """What could not be measured on this machine, and why: it is reported, and meets no goal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str

    reason: str
    """What is missing and how to get it."""


class Environment(BaseModel):
    """What the figures depend on besides the code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processor: str

    cores: int

    memory_gib: float

    load: float
    """Processes that wanted a core in the minute before."""

    gpu: str
    """Name of the first; empty where there is none."""

    system: str

    python: str

    packages: dict[str, str]

    commit: str
    """Commit of the checkout, with `, modified` where files differ from it; empty outside of one."""


class Result(BaseModel):
    """A benchmark that ran."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str

    quick: bool
    """Small sizes, to see that it runs: goals are set for full size and not judged."""

    rows: tuple[Row, ...]

    left_out: tuple[LeftOut, ...] = ()

    seconds: float
    """Wall time of the whole benchmark."""

    environment: Environment

    @property
    def missed(self) -> tuple[Row, ...]:
        """The rows that miss a goal; none in a quick run."""
        return () if self.quick else tuple(row for row in self.rows if row.is_met is False)


def command(
    doc: str | None,
    measure: Callable[[argparse.Namespace], Sequence[Row | LeftOut]],
    *,
    packages: Sequence[str],
    options: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """Run a benchmark from the command line and return its exit code: 1 when a goal is missed.

    Args:
        doc: The module's docstring; its first line is the question.
        measure: Computes the figures, and what can't be measured here.
        packages: Distributions whose versions the figures depend on.
        options: Adds the benchmark's own options.
    """
    doc = doc or ""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs; no goal is judged")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    if options is not None:
        options(parser)
    given = parser.parse_args()
    os.environ.update(ONE_THREAD)
    start = time.perf_counter()
    found = measure(given)
    seconds = time.perf_counter() - start
    result = Result(
        question=doc.strip().splitlines()[0],
        quick=given.quick,
        rows=tuple(row for row in found if isinstance(row, Row)),
        left_out=tuple(row for row in found if isinstance(row, LeftOut)),
        seconds=seconds,
        environment=environment(packages),
    )
    if given.json:
        given.json.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    show(result)
    return 1 if result.missed else 0


def read(path: Path) -> Result:
    """Return the result that a benchmark wrote.

    Raises:
        SystemExit: It is not what `command` writes.
    """
    try:
        return Result.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise SystemExit(f"{path}: expected the figures of a benchmark: {error}") from error


def show(result: Result) -> None:
    """Print the figures."""
    print(result.question)
    for row in result.rows:
        print(f"  {row.case}")
        against = ""
        if row.rival is not None:
            against = f"; {row.rival_name}: {number(row.rival)} {row.unit}, ratio {number(row.ratio)}"
        print(f"    tcmbench: {number(row.ours)} {row.unit}{against}")
        if row.mib is not None or row.rival_mib is not None:
            print(f"    memory: {number(row.mib)} MiB; rival: {number(row.rival_mib)} MiB")
        if row.goal:
            print(f"    goal: {row.goal}: {verdict(row, quick=result.quick)}")
        if row.note:
            print(f"    {row.note}")
    for left in result.left_out:
        print(f"  {left.case}: not measured: {left.reason}")
    found = result.environment
    print(f"  {described(found)}")
    print(f"  {', '.join(f'{name} {number}' for name, number in found.packages.items())}")


def described(found: Environment) -> str:
    """Return the machine in one line."""
    gpu = f", {found.gpu}" if found.gpu else ""
    commit = f"; commit {found.commit}" if found.commit else ""
    return (
        f"{found.processor}, {found.cores} cores, {found.memory_gib:.0f} GiB{gpu}, load {found.load:.1f}; "
        f"{found.system}, Python {found.python}{commit}"
    )


def verdict(row: Row, *, quick: bool) -> str:
    """Return whether a row's goals are met, in words."""
    if row.is_met is None:
        return ""
    if quick:
        return "not judged at this size"
    return "met" if row.is_met else "MISSED"


def number(value: float | None) -> str:
    """Return a figure with three significant digits; a dash for none."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def environment(packages: Sequence[str]) -> Environment:
    """Return the machine and the versions; nothing in it names a folder or a host."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Environment(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=pages / (1 << 30),
        load=os.getloadavg()[0],
        gpu=_said("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").partition("\n")[0],
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: version(name) for name in sorted(packages)},
        commit=_commit(),
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = next((line for line in lines if line.startswith("model name")), "")
    return named.partition(":")[2].strip() or platform.processor() or platform.machine()


def _commit() -> str:
    commit = _said("git", "rev-parse", "--short", "HEAD")
    changed = _said("git", "status", "--porcelain", "--", "tcmbench", "benchmarks", "models", "tasks")
    return f"{commit}, modified" if commit and changed else commit


def _said(*words: str) -> str:
    """Return the output of a program; nothing if it doesn't exist or fails."""
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    except OSError:
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def fail(message: str) -> None:
    """Stop a benchmark whose two sides differ in their results, which makes their ratio meaningless."""
    sys.exit(f"benchmark stopped: {message}")
