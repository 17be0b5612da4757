"""Where does the time of `tcmbench run` go, once the model is loaded: into encoding, or into bookkeeping?

    python -m benchmarks.run_profile [--base mini-zh] [--suite local]

A base on the tasks of a suite, from an empty store and an empty cache: timed is everything that `tcmbench run` does
for a loaded model (reading data, encoding, ranking, probes, mteb's numbers, per-item tables, writing scores). One
task is measured in another store first, so that imports are not counted. Suite `local` where its data is present
(--data, $TCMBENCH_DATA), else `demo`. A small base is the hardest case: the larger the model, the larger the share.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _cost, _result
from benchmarks._result import Row
from tcmbench import tasks
from tcmbench.records.events import ScoreMeasured

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tcmbench.records.events import Event

_FULL = ("TCMPicturesRetrieval", "TCMPicturesReranking", "TBOSDRetrieval", "STSBzhPairs", "TNewsHeadlines")
_QUICK = ("SynthSTS", "SynthReranking")
_WARM_UP = "SynthHeadlines"
_GOAL = 0.9


class Profile(NamedTuple):
    """Processor seconds of one run."""

    total: float
    encoding: float
    """In the encoder: tokenizer and network."""
    ordering: float
    """Counting tokens, to sort texts by length."""
    asked: int
    """Texts that tasks asked for."""
    encoded: int
    """Texts that had to be encoded."""
    tasks: int


class Timer:
    """Adds up the processor time of a function's calls."""

    def __init__(self, function: Any) -> None:
        self.seconds = 0.0
        self.texts = 0
        self._function = function

    def __call__(self, texts: Sequence[str]) -> Any:
        """Call it."""
        start = time.process_time()
        found = self._function(texts)
        self.seconds += time.process_time() - start
        self.texts += len(texts)
        return found


def complete(event: Event) -> None:
    """Stop where a measurement failed: its time would be missing."""
    if isinstance(event, ScoreMeasured) and event.value is None:
        _result.fail(f"{event.column} could not be measured")


def figures(given: argparse.Namespace) -> list[Row]:
    """Measure one run."""
    data = given.data or (Path(os.environ["TCMBENCH_DATA"]) if os.environ.get("TCMBENCH_DATA") else None)
    suite = given.suite or ("local" if data is not None and not given.quick else "demo")
    names = _QUICK if given.quick else _FULL if suite == "local" else ()
    found: Profile = _cost.apart(profile, given.base, suite, names, data)
    case = f"{given.base} on {found.tasks} columns of suite {suite}, {found.encoded:,} texts encoded"
    return [
        Row(
            case=case,
            unit="share of processor time spent encoding",
            ours=found.encoding / found.total,
            least=_GOAL,
            note=f"{found.total:.1f} processor s in all: {found.encoding:.1f} encoding, {found.ordering:.1f} counting "
            f"tokens, {found.total - found.encoding - found.ordering:.1f} for everything else.",
        ),
        Row(
            case=case,
            unit="texts encoded",
            ours=found.encoded,
            rival=found.asked,
            rival_name="without a cache (every text of every task)",
        ),
    ]


def profile(base: str, suite_name: str, names: tuple[str, ...], data: Path | None) -> Profile:
    """Return the profile of a run."""
    import torch

    from tcmbench import models
    from tcmbench.evaluation import run
    from tcmbench.specs.suite import Suite
    from tcmbench.workspace import find

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = find(Path(folder), data=data, cache=Path(folder) / "store")
        warm = find(Path(folder), data=data, cache=Path(folder) / "warm")
        model = models.base_model(place, base)
        demo = place.spec(Suite, "demo")
        first = demo.model_copy(update={"tasks": tuple(t for t in demo.tasks if t.task == _WARM_UP)})
        run.measure(warm, model, first.tasks, tasks.plan_suite(warm, first), emit=complete)
        suite = place.spec(Suite, suite_name)
        columns = tuple(t for t in suite.tasks if not names or t.task in names)
        planned = tasks.plan_suite(place, suite.model_copy(update={"tasks": columns}))
        loaded: Any = models.load(model, cache=place.cache)
        encode, lengths = Timer(loaded.inner.encode_texts), Timer(loaded.inner.token_lengths)
        asked = Timer(loaded.encode_list)
        loaded.inner.encode_texts, loaded.inner.token_lengths, loaded.encode_list = encode, lengths, asked
        models.load = lambda *_, **__: loaded  # this process ends with the profile
        start = time.process_time()
        run.measure(place, model, planned.suite.tasks, planned, emit=complete)
        total = time.process_time() - start
        return Profile(total, encode.seconds, lengths.seconds, asked.texts, encode.texts, len(columns))


def options(parser: argparse.ArgumentParser) -> None:
    """Add base, suite and data."""
    parser.add_argument("--base", default="mini-zh", help="an embedding base whose weights are here")
    parser.add_argument("--suite", help="suite; local where its data is here, else demo")
    parser.add_argument("--data", type=Path, help="data root; $TCMBENCH_DATA by default")


if __name__ == "__main__":
    packages = ("mteb", "sentence-transformers", "torch", "datasets", "scikit-learn")
    sys.exit(_result.command(__doc__, figures, packages=packages, options=options))
