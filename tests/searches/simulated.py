"""Searches whose trials take no time: figures follow from the parameters, and nothing is trained.

Run as a program, it searches the space of a workspace and is killed by the system in a given trial.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tcmbench.records.search import Change, HalfFigures
from tcmbench.searches import search as searching
from tcmbench.searches.trials import Bench
from tcmbench.specs import toml
from tcmbench.specs.space import SearchSpace
from tcmbench.workspace import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcmbench.searches.search import Searched
    from tcmbench.specs.space import Proposal
    from tcmbench.stats.halves import Half
    from tcmbench.workspace import Workspace

SPACE = """
suite = "tiny"
reference = "mini-zh-static"
trials = 14
policy = { required_gain = 1.0, margin = 1.0 }

[variant]
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
training = { batch_size = 16, max_length = 64 }

[parameters]
"training.learning_rate" = { low = 1e-4, high = 1e-1, log = true }
"training.epochs" = { low = 1, high = 4 }
"negatives" = { choices = { none = {}, random = { miner = "random" } } }
"negatives.options.count" = { low = 1, high = 6, when = { negatives = ["random"] } }
"""
"""Gain rises with the learning rate; from 1e-2 on, too much is forgotten."""


def figures_of(proposal: Proposal, half: Half, *, margin: float = 1.0) -> HalfFigures:
    """Return figures that depend on the recipe alone; on the confirmation half it gains two points less."""
    rate = math.log10(proposal.variant.training.learning_rate)
    gain = 4 * (rate + 4) + 0.1 * proposal.variant.training.epochs - 2 * (half == "confirmation")
    general = -1.0 if rate > -2 else 0.0
    misses = {"kept": -margin - (general - 0.5), "gain": 1.0 - (gain - 1), "rules": 0.0}
    passed = max(misses.values()) <= 0
    return HalfFigures(
        gain=Change(gain, gain - 1, gain + 1),
        held_out=None,
        general=Change(general, general - 0.5, general + 0.5),
        outcome="pass" if passed else "regression",
        passed=passed,
        misses=misses,
    )


@contextmanager
def simulated(figures: Callable[..., HalfFigures] = figures_of) -> Iterator[list[str]]:
    """Replace training and measuring; gives the list of the variants that were measured on the selection half."""
    measured: list[str] = []

    def result(self: Bench, proposal: Proposal, half: Half, *, columns: Any = None) -> HalfFigures:
        if columns is None and half == "selection":
            measured.append(proposal.variant.name)
        return figures(proposal, half)

    with (
        mock.patch.object(Bench, "measure_reference", return_value=None),
        mock.patch.object(Bench, "measure", return_value={}),
        mock.patch.object(Bench, "figures", result),
    ):
        yield measured


def run(place: Workspace, space: SearchSpace, *, together: int = 1) -> Searched:
    """Search a space."""
    return searching.search(place, space, execute=lambda *_, **__: None, emit=lambda _: None, together=together)


def _main(root: Path, fatal: int, together: int) -> None:
    """Search until the figures of a trial are wanted, and be killed there."""
    calls = 0

    def killing(proposal: Proposal, half: Half) -> HalfFigures:
        nonlocal calls
        calls += 1
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return figures_of(proposal, half)

    place = find(root, data=root / "data", cache=root / "store")
    with simulated(killing):
        run(place, toml.read(SearchSpace, root / "models/spaces/small.toml"), together=together)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
