"""Run the benchmarks, each in its own process, and write their results to reports/benchmarks.md.

    python -m benchmarks                     all of them, about a quarter of an hour on two idle cores
    python -m benchmarks encode stats        some: figures are printed, the report is unchanged
    python -m benchmarks --quick             small sizes, to check that all run; the report is unchanged

Every file of this folder is a benchmark, except those that begin with an underscore, those that check error rates and
not speed (`few_seeds`, `coverage` and the simulations), and `gpu`, which has a report of its own (`make bench-gpu`).
One that fails, or exceeds its time limit, doesn't stop the others: the report states it. Exits 1 when a goal is missed,
2 when a benchmark failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import _report
from benchmarks._result import ONE_THREAD, Result, read

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "reports" / "benchmarks.md"
MOST_SECONDS = 600
"""A benchmark takes a minute or two on an idle machine."""
_NOT_SPEED = ("_simulation", "few_seeds", "coverage", "gpu")


def names() -> list[str]:
    """Return all benchmarks, sorted."""
    found = {path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    return sorted(name for name in found if not name.endswith(_NOT_SPEED))


def main() -> int:
    """Run the selected benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", choices=[*names(), []], help="which; all without any")
    parser.add_argument("--quick", action="store_true", help="small sizes; no goal is judged")
    parser.add_argument("--out", type=Path, help=f"write a report here; all at full size: {REPORT.relative_to(ROOT)}")
    given = parser.parse_args()
    asked = given.name or names()
    results: dict[str, Result] = {}
    failed: list[str] = []
    for name in asked:
        found = run(name, quick=given.quick)
        if found is None:
            failed.append(name)
        else:
            results[name] = found
    whole = not given.name and not given.quick
    out = given.out or (REPORT if whole else None)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(_report.markdown(results, failed=failed, date=datetime.now(UTC).date()), encoding="utf-8")
        print(f"written: {out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}")
    missed = [f"{name}: {row.case}: {row.goal}" for name, found in results.items() for row in found.missed]
    for line in [*(f"goal missed: {m}" for m in missed), *(f"failed: {name}" for name in failed)]:
        print(line)
    return 2 if failed else 1 if missed else 0


def run(name: str, *, quick: bool) -> Result | None:
    """Run one benchmark in its own process and return its result, None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        words = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(path), *(["--quick"] if quick else [])]
        print(f"$ python -m benchmarks.{name}{' --quick' if quick else ''}", flush=True)
        finish(words)
        print(flush=True)
        # A missed goal exits 1 and still has figures; only a crash has none.
        return read(path) if path.is_file() else None


def finish(words: Sequence[str], *, within: float = MOST_SECONDS) -> None:
    """Run a command to its end, or end it with all its processes at the time limit."""
    # A separate process group, as most benchmarks start further processes.
    started = subprocess.Popen(words, cwd=ROOT, env={**os.environ, **ONE_THREAD}, start_new_session=True)
    try:
        started.wait(within)
    except subprocess.TimeoutExpired:
        print(f"ended after {within:.0f} s: it is not done")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


if __name__ == "__main__":
    sys.exit(main())
