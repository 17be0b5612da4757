"""What does scoring cost once the vectors are there? Ours against mteb's own, on the same vectors.

    python benchmarks/fast_retrieval.py                 all cases (minutes; the large ones need 3 GiB)
    python benchmarks/fast_retrieval.py --case tcm-sd   one case

Every measurement runs in a process of its own on one thread. CPU seconds and the peak of resident memory above
the moment before cover `task.evaluate`: loaders, the product of the matrices, ranking and all 149 numbers, which
must be equal (to 1e-9) or the benchmark fails. Exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """One size and its goals."""

    queries: int
    documents: int
    dimensions: int
    least_ratio: float | None
    """mteb's CPU seconds over ours; None: mteb is not run."""
    most_gib: float


CASES = {
    "tcm-sd": Case(5486, 1027, 1024, 10.0, 0.1),
    "large": Case(5000, 100_000, 1024, 1.6, 1.0),
    "million": Case(100, 1_000_000, 1024, None, 6.0),
}


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--worker", nargs=2, metavar=("CASE", "WHO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(CASES[arguments.worker[0]], fast=arguments.worker[1] == "ours")))
        return 0
    rows = [row(name) for name in arguments.case or CASES]
    print(environment())
    print(f"{'case':8} {'size':>22} {'mteb CPU s':>11} {'ours':>7} {'ratio':>6} {'mteb GiB':>9} {'ours':>6}  goal")
    for found in rows:
        print(found["line"])
    if arguments.json:
        arguments.json.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=1) + "\n")
    return 0 if all(found["met"] for found in rows) else 1


def row(name: str) -> dict[str, Any]:
    """Return the figures of one case."""
    case = CASES[name]
    ours = worker(name, "ours")
    rival = worker(name, "mteb") if case.least_ratio is not None else None
    ratio = rival["cpu"] / ours["cpu"] if rival else math.nan
    met = ours["gib"] <= case.most_gib and (case.least_ratio is None or ratio >= case.least_ratio)
    goal = f"≤ {case.most_gib} GiB" + (f", ≥ {case.least_ratio}×" if case.least_ratio else "")
    if rival:
        compare(rival["scores"], ours["scores"])
    line = (
        f"{name:8} {f'{case.queries} × {case.documents} × {case.dimensions}':>22} "
        f"{rival['cpu'] if rival else math.nan:11.2f} {ours['cpu']:7.2f} {ratio:6.1f} "
        f"{rival['gib'] if rival else math.nan:9.2f} {ours['gib']:6.2f}  {goal}: {'met' if met else 'MISSED'}"
    )
    return {
        "case": name, "met": met, "line": line, "ours": ours["cpu"], "mteb": rival and rival["cpu"],
        "ours_gib": ours["gib"], "mteb_gib": rival and rival["gib"],
    }  # fmt: skip


def compare(expected: dict[str, float | None], actual: dict[str, float | None]) -> None:
    """Stop when the two don't report the same numbers."""
    wrong = {
        name: (value, actual.get(name))
        for name, value in expected.items()
        if value != actual.get(name) and not (value and abs(value - (actual.get(name) or 0)) <= 1e-9)
    }
    if wrong or expected.keys() != actual.keys():
        raise SystemExit(f"the numbers differ: {wrong}")


def worker(case: str, who: str) -> dict[str, Any]:
    """Return what a process of its own measures."""
    command = [sys.executable, __file__, "--worker", case, who]
    variables = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    found = subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=True, text=True)
    measured: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return measured


def measure(case: Case, *, fast: bool) -> dict[str, Any]:
    """Return CPU seconds, peak memory in GiB and the scores of one evaluation."""
    import numpy as np
    import torch
    from mteb.timing import TimingStack

    torch.set_num_threads(1)
    # Imports and first calls of both are paid for before.
    for size in (Case(3, 5, case.dimensions, None, 0.0), case):
        task, model = build(size, fast=fast)
        before = peak_gib(reset=True)
        start = time.process_time()
        options = {"batch_size": 32, "show_progress_bar": False}
        found = task.evaluate(model, "test", encode_kwargs=options, timer=TimingStack())["default"]
        cpu = time.process_time() - start
        gib = peak_gib() - before
    scores = {name: None if np.isnan(value) else float(value) for name, value in found.items()}
    return {"cpu": cpu, "gib": gib, "scores": scores}


def build(case: Case, *, fast: bool) -> tuple[Any, Any]:
    """Return a task with two relevant documents a query, and a model whose vectors are there."""
    import numpy as np
    from datasets import Dataset
    from mteb.models.abs_encoder import AbsEncoder

    from tests.evaluation.fakes import FastTask, PlainTask, model_meta

    rng = np.random.default_rng(7)
    gold = rng.integers(0, case.documents, case.queries)
    numbers = np.arange(case.documents)
    kept = case.documents <= 100_000

    def documents_of(some: Any) -> Any:
        # A million vectors are made as they are asked for, as if read from a memory-mapped file.
        return np.random.default_rng(int(some[0])).standard_normal((len(some), case.dimensions), dtype=np.float32)

    documents = documents_of(numbers) if kept else None
    queries = rng.standard_normal((case.queries, case.dimensions), dtype=np.float32)
    if documents is not None:
        queries += documents[gold] * rng.random((case.queries, 1), dtype=np.float32) * 0.3

    class Precomputed(AbsEncoder):
        """Answers by row number; a chunk of documents is a view."""

        mteb_model_meta = model_meta()

        def encode(self, inputs: Any, **_: Any) -> Any:
            ids = inputs.dataset["id"][:]
            first, count = int(ids[0][1:]), len(ids)
            if ids[0][0] == "q":
                return queries[first : first + count]
            return (
                documents_of(numbers[first : first + count]) if documents is None else documents[first : first + count]
            )

    task = (FastTask if fast else PlainTask)()
    task.dataset = {
        "default": {
            "test": {
                "corpus": Dataset.from_dict(
                    {
                        "id": [f"d{n}" for n in range(case.documents)],
                        "text": [f"第{n}篇" for n in range(case.documents)],
                    }
                ),
                "queries": Dataset.from_dict(
                    {"id": [f"q{n}" for n in range(case.queries)], "text": [f"第{n}问" for n in range(case.queries)]}
                ),
                "relevant_docs": {
                    f"q{n}": {f"d{g}": 1, f"d{(g + 1) % case.documents}": 1} for n, g in enumerate(gold.tolist())
                },
                "top_ranked": None,
            }
        }
    }
    task.data_loaded = True
    return task, Precomputed()


def peak_gib(*, reset: bool = False) -> float:
    """Return the peak of resident memory so far; `reset` starts it anew at what is resident now (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / (1 << 20)


def environment() -> str:
    """Return what the figures depend on."""
    from importlib.metadata import version

    names = ("mteb", "numpy", "torch", "pytrec_eval_terrier", "datasets")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"Python {platform.python_version()}, {packages}; {platform.machine()}, one thread"


if __name__ == "__main__":
    sys.exit(main())
