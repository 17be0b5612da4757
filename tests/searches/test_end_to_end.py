"""A search as users run it: real trainings of a small base, a kill in the middle, and the files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tcmbench.specs import toml
from tcmbench.specs.cure import Cure
from tcmbench.specs.variant import Variant

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

CLI = "import sys; from tcmbench.cli import main; sys.argv = ['tcmbench', *sys.argv[1:]]; main()"
SPACE = """
suite = "tiny"
reference = "mini-zh-static"
trials = 3
policy = { required_gain = "none", margin = 30.0 }

[variant]
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
training = { batch_size = 16, max_length = 64 }

[parameters]
"training.learning_rate" = { low = 1e-3, high = 3e-2, log = true }
"""
CHAIN = """
"cure.options.alpha" = { low = 0.3, high = 1.0 }

[cure]
cure = "merge"

[cure.then]
cure = "fusion"
"""
PATIENCE = 1_200.0

pytestmark = pytest.mark.slow


def write_space(place: Workspace, text: str) -> None:
    """Write the workspace's space."""
    path = place.root / "models/spaces/real.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")


def start(place: Workspace, *options: str) -> subprocess.Popen[str]:
    """Start a search of the workspace's space."""
    return subprocess.Popen(
        [sys.executable, "-c", CLI, "search", "real", *options],
        cwd=place.root,
        env={
            **os.environ,
            "TCMBENCH_CACHE": str(place.cache),
            "TCMBENCH_DATA": str(place.data_root),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def models(place: Workspace) -> dict[str, int]:
    """Return every tuned model of the store with the time at which it was finished."""
    return {path.parent.name: path.stat().st_mtime_ns for path in place.cache.glob("models/*/*/manifest.json")}


def test_a_search_survives_a_kill(place: Workspace) -> None:
    """It ends as one that wasn't killed, trains nothing twice, and writes a recipe that is a variant."""
    write_space(place, SPACE)
    process = start(place)
    ends = time.monotonic() + PATIENCE
    while not models(place) and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = models(place)
    assert len(before) == 1

    again = start(place, "--write")
    said, errors = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, errors
    assert "3 of 3 recipes tried" in said
    assert "CONFIRMED" in said
    after = models(place)
    assert len(after) == 3
    assert before.items() <= after.items()
    board = place.root / "leaderboards/search-real"
    killed = json.loads((board / "search.json").read_text("utf-8"))
    recipe = toml.read(Variant, place.root / "models/variants/real-best.toml")
    assert recipe.training.learning_rate == killed["trials"][killed["winner"]]["parameters"]["training.learning_rate"]

    other = replace(place, cache=place.root / "other")
    whole = start(other)
    _, errors = whole.communicate(timeout=PATIENCE)
    assert whole.returncode == 0, errors
    assert models(other).keys() == after.keys()
    assert json.loads((board / "search.json").read_text("utf-8")) == killed


def test_recipes_may_be_averages_that_are_fused(place: Workspace) -> None:
    """The fused average is what is measured, and its three files name one another."""
    write_space(place, SPACE + CHAIN)
    process = start(place, "--write")
    said, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "CONFIRMED" in said
    folder = place.root / "models"
    average, fused = (toml.read(Cure, folder / f"cures/{name}.toml") for name in ("real-best-cured", "real-best"))
    assert (average.cure, average.of) == ("merge", ("real-best-tuned",))
    assert (fused.cure, fused.of) == ("fusion", ("real-best-cured",))
    assert (folder / "variants/real-best-tuned.toml").is_file()
