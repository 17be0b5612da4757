"""Error rates of the gate, on simulated models: a short version of benchmarks/gate_simulation.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gate_simulation.py"


def test_a_short_simulation_keeps_coverage_and_false_alarms() -> None:
    """Intervals hold the truth as often as they say, and A/A comparisons raise at most 5% alarms."""
    done = subprocess.run([sys.executable, str(SCRIPT), "--short"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All bounds hold" in done.stdout
