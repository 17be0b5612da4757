"""How long does a person wait for an answer that needs no work?

    python -m benchmarks.command_line

`tcmbench --help` and `tcmbench list …`, and `tcmbench run demo` when nothing has changed since the last run: specs are
read, keys are computed from every weight, data file and recipe, scores are read, and the board is written. Where scores
of set `demo` are missing, that would measure training: it is left out until `make demo` has run once.

Wall time of the whole process, best of three, in a separate workspace.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import _result
from benchmarks._result import LeftOut, Row
from tcmbench import tasks

if TYPE_CHECKING:
    import argparse

_GOALS = {
    ("--help",): 0.4,
    ("list", "tasks"): 0.4,
    ("list", "bases"): 0.4,
    ("run", "demo"): 3.0,
}
_TIMES = 3


def figures(given: argparse.Namespace) -> list[Row | LeftOut]:
    """Time every command."""
    rows: list[Row | LeftOut] = []
    with tempfile.TemporaryDirectory() as folder:
        for words, most in _GOALS.items():
            case = f"tcmbench {' '.join(words)}"
            if words[0] == "run":
                case += ", nothing changed"
                missing = pending(words[1])
                if missing:
                    rows.append(LeftOut(case=case, reason=f"{missing} scores are missing here. Run `make demo` first."))
                    continue
                # The board of this workspace is built once.
                timed(words, Path(folder))
            taken = [timed(words, Path(folder)) for _ in range(1 if given.quick else _TIMES)]
            rows.append(Row(case=case, unit="wall s", ours=min(taken), most=most))
    return rows


def pending(name: str) -> int:
    """Return how many scores of a set are still to be measured."""
    from tcmbench.cli.place import workspace
    from tcmbench.runs.jobs import plan
    from tcmbench.specs.model_set import ModelSet

    place = workspace()
    model_set = place.spec(ModelSet, name)
    return plan(place, model_set, tasks.plan_set(place, model_set)).scores


def timed(words: tuple[str, ...], folder: Path) -> float:
    """Return the wall time of one command."""
    start = time.perf_counter()
    program = str(Path(sys.executable).with_name("tcmbench"))
    found = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)
    if found.returncode:
        _result.fail(f"tcmbench {' '.join(words)} ended with {found.returncode}: {found.stderr[-2000:]}")
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, figures, packages=("typer", "pydantic")))
