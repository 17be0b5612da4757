"""How much faster is a set of four variants on a Ray cluster with two workers than with one?

    python -m benchmarks.cluster [--jobs 2] [--epochs 10]

Four variants of a table of token vectors are trained on synthetic records and measured on two tasks: eight jobs, each
in a process of its own that uses one core. The cluster is on this machine and runs already; the time is that of the
jobs, with the check of its nodes, and without the board. Rival: the same executor with one job at a time.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import _result
from benchmarks._result import LeftOut, Row, fail
from tcmbench import processor, tasks
from tcmbench.data.synthetic import write_data_root
from tcmbench.executors import local
from tcmbench.executors import ray as on_ray
from tcmbench.runs import gather, run_set
from tcmbench.runs.jobs import plan
from tcmbench.runs.part import Part
from tcmbench.specs.model_set import ModelSet
from tcmbench.workspace import find

if TYPE_CHECKING:
    import argparse

    from tcmbench.records.entry import Entry
    from tcmbench.workspace import Workspace

_ROOT = Path(__file__).parent.parent
_LEAST = 1.7
_JOBS = 2
_EPOCHS = 10
_RECORDS, _QUICK_RECORDS = 3_000, 600
_RATES = (5e-3, 1e-2, 2e-2, 4e-2)
_FILES = {
    "tasks/Records.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\n',
    "tasks/Questions.toml": 'type = "retrieval"\npath = "general-synth/qa-retrieval"\n',
    "tasks/suites/both.toml": '[[tasks]]\ntask = "Records"\nrole = "in_domain"\n'
    '[[tasks]]\ntask = "Questions"\nrole = "general"\n',
}
_VARIANT = """
[[variant]]
name = "rate-{rate}"
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
training = {{ batch_size = 32, epochs = {epochs}, learning_rate = {rate}, max_length = 256 }}
"""


def figures(given: argparse.Namespace) -> list[Row | LeftOut]:
    """Return the time with one worker and with several."""
    case = f"four variants of a table of token vectors, {given.jobs} workers"
    if importlib.util.find_spec("ray") is None:
        return [LeftOut(case=case, reason="ray is not installed: pip install 'tcmbench[ray]'")]
    if processor.cores() < given.jobs:
        return [LeftOut(case=case, reason=f"needs {given.jobs} cores, this machine has {processor.cores()}")]
    import ray

    # the same priority as processes without Ray, and no job ended for the memory of others
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_memory_monitor_refresh_ms": "0"}
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with tempfile.TemporaryDirectory() as folder:
        place = _workspace(Path(folder), epochs=1 if given.quick else given.epochs, quick=given.quick)
        ray.init(num_cpus=given.jobs, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        try:
            one, several = (_run(place, jobs) for jobs in (1, given.jobs))
        finally:
            ray.shutdown()
    if one[1] != several[1]:
        fail("one worker and several came to different scores")
    note = "Every job loads Python, torch and mteb, which is a large part of these small trainings."
    ours, rival = several[0], one[0]
    return [
        Row(case=case, unit="wall s", ours=ours, rival=rival, rival_name="one worker", least_ratio=_LEAST, note=note)
    ]


def _workspace(root: Path, *, epochs: float, quick: bool) -> Workspace:
    write_data_root(root / "data", records=_QUICK_RECORDS if quick else _RECORDS, seed=1)
    variants = "".join(_VARIANT.format(rate=rate, epochs=epochs) for rate in _RATES)
    model_set = 'suite = "both"\nreference = "mini-zh-static"\nmodels = ["mini-zh-static"]\n' + variants
    base = (_ROOT / "models/bases/mini-zh-static.toml").read_text(encoding="utf-8")
    files = {**_FILES, "models/sets/four.toml": model_set, "models/bases/mini-zh-static.toml": base}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "models/mini-zh-static").symlink_to(_ROOT / "models/mini-zh-static")
    return find(root, data=root / "data", cache=root / "store")


def _run(place: Workspace, jobs: int) -> tuple[float, dict[str, float]]:
    """Return the seconds of a run, and its scores."""
    here = replace(place, cache=place.root / f"store-{jobs}")
    model_set = here.spec(ModelSet, "four")
    planned = tasks.plan_set(here, model_set)
    base = plan(here, model_set, planned, part=Part(models=frozenset(model_set.models)))
    local.run(base.jobs, options=local.Options(), emit=lambda _: None)
    missing = plan(here, model_set, planned, in_parallel=jobs > 1)
    execute = partial(on_ray.run, options=on_ray.Options(jobs=jobs))
    start = time.perf_counter()
    run_set.run(here.store, missing, execute=execute, emit=lambda _: None)
    seconds = time.perf_counter() - start
    return seconds, _scores(gather.entries(here, model_set, planned))


def _scores(entries: list[Entry]) -> dict[str, float]:
    found = {f"{e.name} {name}": s.record.value for e in entries for name, each in e.scores.items() for s in each}
    if len(found) < len(_RATES) * 2:
        fail(f"expected {len(_RATES) * 2} scores, got {len(found)}")
    return found


def options(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's own options."""
    parser.add_argument("--jobs", type=int, default=_JOBS)
    parser.add_argument("--epochs", type=float, default=_EPOCHS)


if __name__ == "__main__":
    packages = ("torch", "sentence-transformers", *(["ray"] if importlib.util.find_spec("ray") else []))
    sys.exit(_result.command(__doc__, figures, packages=packages, options=options))
