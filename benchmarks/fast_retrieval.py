"""What does scoring cost once the vectors are there? tcmbench against mteb's own, on the same vectors.

    python -m benchmarks.fast_retrieval                 all cases (minutes; the large ones need 3 GiB)
    python -m benchmarks.fast_retrieval --case tcm-sd   one case

Every measurement runs in its own process on one thread. Processor seconds and the peak of resident memory
above the moment before cover `task.evaluate`: loaders, the product of the matrices, ranking and all 149 numbers,
which must be equal (to 1e-9) or the benchmark stops.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _cost, _result
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks._cost import Cost


@dataclass(frozen=True, slots=True)
class Case:
    """One size and its goals."""

    queries: int
    documents: int
    dimensions: int
    least_ratio: float | None
    """mteb's processor seconds over ours; None: mteb is not run."""
    most_mib: float

    def __str__(self) -> str:
        """Return the size."""
        return f"{self.queries:,} queries × {self.documents:,} documents × {self.dimensions:,} dimensions"


CASES = {
    "tcm-sd": Case(5486, 1027, 1024, 10.0, 0.1 * 1024),
    "large": Case(5000, 100_000, 1024, 1.6, 1024),
    "million": Case(100, 1_000_000, 1024, None, 6 * 1024),
}
QUICK = {"tcm-sd": Case(200, 100, 64, 10.0, 102.4), "million": Case(20, 120_000, 64, None, 6144)}


class Evaluated(NamedTuple):
    """One evaluation."""

    cost: Cost
    scores: dict[str, float | None]


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield one row per case."""
    cases = QUICK if given.quick else CASES
    for name in given.case or cases:
        case = cases.get(name, CASES[name])
        ours = _cost.apart(measure, case, True)
        rival = _cost.apart(measure, case, False) if case.least_ratio is not None else None
        if rival is not None:
            compare(rival.scores, ours.scores)
        yield Row(
            case=str(case),
            unit="processor s",
            ours=ours.cost.cpu,
            rival=rival.cost.cpu if rival else None,
            rival_name="mteb" if rival else "",
            mib=ours.cost.mib,
            rival_mib=rival.cost.mib if rival else None,
            least_ratio=case.least_ratio,
            most_mib=case.most_mib,
            note=f"All {len(ours.scores)} numbers were compared: equal to 1e-9." if rival else UNCOMPARED,
        )


UNCOMPARED = "A million documents: mteb is not run; vectors are made as they are asked for, as if read from a cache."


def compare(expected: dict[str, float | None], actual: dict[str, float | None]) -> None:
    """Stop when the two don't report the same numbers."""
    wrong = {name for name, value in expected.items() if not _equal(value, actual.get(name))}
    if wrong or expected.keys() != actual.keys():
        _result.fail(f"the numbers differ: {sorted(wrong | (expected.keys() ^ actual.keys()))}")


def _equal(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=0, abs_tol=1e-9))


def measure(case: Case, fast: bool) -> Evaluated:
    """Return the cost and the scores of one evaluation."""
    import numpy as np
    import torch
    from mteb.timing import TimingStack

    torch.set_num_threads(1)
    options = {"batch_size": 32, "show_progress_bar": False}

    def evaluate() -> dict[str, Any]:
        found: dict[str, Any] = task.evaluate(model, "test", encode_kwargs=options, timer=TimingStack())["default"]
        return found

    # Imports and first calls of both sides are not measured.
    task, model = build(Case(3, 5, case.dimensions, None, 0.0), fast=fast)
    evaluate()
    task, model = build(case, fast=fast)
    found, cost = _cost.of(evaluate)
    return Evaluated(cost, {name: None if np.isnan(value) else float(value) for name, value in found.items()})


def build(case: Case, *, fast: bool) -> tuple[Any, Any]:
    """Return a task with two relevant documents per query, and a model with precomputed vectors."""
    import numpy as np
    from datasets import Dataset
    from mteb.models.abs_encoder import AbsEncoder

    from tests.fakes import FastTask, PlainTask, model_meta

    rng = np.random.default_rng(7)
    gold = rng.integers(0, case.documents, case.queries)
    numbers = np.arange(case.documents)
    kept = case.documents <= 100_000

    def documents_of(some: Any) -> Any:
        # A million vectors are computed on demand, as if read from a memory-mapped file.
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


def options(parser: argparse.ArgumentParser) -> None:
    """Add the choice of cases."""
    parser.add_argument("--case", choices=CASES, action="append", help="only this one; may be given again")


if __name__ == "__main__":
    packages = ("mteb", "numpy", "torch", "pytrec_eval_terrier", "datasets")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
