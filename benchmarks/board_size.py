"""What does a large board cost: processor time, memory, the bytes of its page, and the browser's time until it sorts?

    python -m benchmarks.board_size             20 × 10 × 1,000 and 100 models × 30 tasks × 5,000 items
    python -m benchmarks.board_size --quick     a small one

Scores are made up and written as a run writes them: `score.json` and `items.parquet` of every model and task, rankings,
classifications, rank correlations and average precisions among them. From there on nothing is made up: the scores are
read back, the table is worked out with 10,000 resamples, and all files of the board are written, in a process of its
own. Not counted are the keys of models and tasks, which hash weights and data.

Times are processor seconds; memory is the peak of the whole process, interpreter and libraries included. The browser's
time is from the start of the navigation to the end of a first sort, where Chromium and selenium are there.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import _cost, _result
from benchmarks._result import LeftOut, Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    import pyarrow as pa

    from tcmbench.records.entry import Entry
    from tcmbench.records.score import Score
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import Suite, SuiteTask

_LABELS = 148
_LEVELS = (0.0, 0.0, 0.0, 0.3010, 0.3869, 0.4307, 0.5, 0.6309, 1.0, 1.0, 1.0)
"""nDCG at ten with one relevant document, by how far down it was found."""
_TYPES = {
    "in_domain": (("Retrieval", "ndcg_at_10", "mean"),),
    "held_out": (("Reranking", "map_at_10", "mean"),),
    "general": (
        ("Classification", "accuracy", "mean"),
        ("STS", "cosine_spearman", "spearman"),
        ("Retrieval", "ndcg_at_10", "mean"),
        ("PairClassification", "cosine_ap", "average_precision"),
    ),
}
"""Role → type, metric and statistic of its tasks, in turn."""


class Size(NamedTuple):
    """A board."""

    models: int
    tasks: int
    items: int
    resamples: int = 10_000

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.models} models × {self.tasks} tasks × {self.items:,} items × {self.resamples:,} resamples"


class Built(NamedTuple):
    """What a board came to."""

    cpu: float
    mib: float
    pages: Mapping[str, int]
    """Name of a file → bytes."""


class Opened(NamedTuple):
    """A page in the browser: seconds until a first sort is done."""

    wall: float
    """From the start of the navigation."""

    cpu: float
    """Of the processor, in the page's main thread: on a busy machine wall time is mostly waiting."""


def suite_of(tasks: int) -> Suite:
    """Return a suite: a third in domain, a third held out, the rest general."""
    from tcmbench.specs.suite import Suite, SuiteTask

    roles = ["in_domain"] * (tasks // 3) + ["held_out"] * (tasks // 3)
    roles += ["general"] * (tasks - len(roles))
    return Suite(
        name="made-up",
        synthetic=True,
        tasks=tuple(SuiteTask(task=f"Task{n:02d}", role=role) for n, role in enumerate(roles)),
    )


def set_of(models: int, suite: Suite) -> ModelSet:
    """Return a set: a base, which is the reference, and variants of it."""
    from tcmbench.specs.model_set import ModelSet

    names = tuple(name_of(number) for number in range(1, models))
    return ModelSet(name="made-up", suite=suite.name, reference=name_of(0), models=(name_of(0),), variants=names)


def name_of(number: int) -> str:
    """Return the name of a model."""
    miners, tuners = ("random", "bm25", "embedding", "hybrid"), ("full", "lora", "qlora")
    return f"{miners[number % 4]}-{tuners[number % 3]}-{number:03d}" if number else "base"


def write_scores(folder: Path, size: Size) -> None:
    """Write the scores of a set, a folder per model and task."""
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    for place, task in enumerate(suite_of(size.tasks).tasks):
        quality, gold = random.random((2, size.items))
        for number in range(size.models):
            strength = 0.05 * random.normal()
            shift = {"in_domain": strength, "held_out": 0.4 * strength, "general": -0.5 * abs(strength)}[task.role]
            values = 0.6 * quality + 0.2 * gold + 0.15 + shift * (number > 0) + 0.2 * (random.random(size.items) - 0.5)
            table, value = items_of(task, place, values, gold, random)
            path = folder / name_of(number) / task.task
            path.mkdir(parents=True)
            pq.write_table(table, path / "items.parquet")
            (path / "score.json").write_text(record(task, place, number, value, size.items), encoding="utf-8")


def items_of(
    task: SuiteTask, place: int, values: np.ndarray, gold: np.ndarray, random: np.random.Generator
) -> tuple[pa.Table, float]:
    """Return the items of a score, and the score."""
    import pyarrow as pa

    from tcmbench.stats import statistics

    count = len(values)
    _, metric, statistic = type_of(task, place)
    numbers = np.arange(count)
    labels = np.array([f"证候{number:03d}" for number in range(_LABELS)])
    columns: dict[str, list[str] | np.ndarray] = {
        "item": [f"{task.task}-{number:05d}" for number in numbers],
        "cluster": [f"patient-{number // 2}" for number in numbers],
    }
    if statistic == "mean":
        correct = values > 0.5
        levels = np.array(_LEVELS)[np.clip((values * len(_LEVELS)).astype(int), 0, len(_LEVELS) - 1)]
        measured = correct.astype(float) if metric == "accuracy" else levels
        group = (_LABELS * (numbers / count) ** 2).astype(int)
        top1 = np.where(measured == 1, group, random.integers(0, _LABELS, count))
        columns |= {"group": labels[group], metric: measured, "top1": labels[top1]}
        return pa.table(columns), float(measured.mean())
    truth = (gold > 0.5).astype(float) if statistic == "average_precision" else np.round(5 * gold)
    columns |= {"similarity": values, "gold": truth}
    return pa.table(columns), statistics.load(statistic).value(values, truth)


def type_of(task: SuiteTask, place: int) -> tuple[str, str, str]:
    """Return type, metric and statistic of a task."""
    kinds = _TYPES[task.role]
    return kinds[place % len(kinds)]


def record(task: SuiteTask, place: int, number: int, value: float, items: int) -> str:
    """Return what `score.json` holds."""
    from tcmbench.records.score import Provenance, ScoreRecord

    kind, metric, statistic = type_of(task, place)
    packages = {f"package-{n}": f"1.{n}.0" for n in range(12)}
    return ScoreRecord(
        model=name_of(number),
        model_revision=f"{number:032x}",
        task=task.task,
        split=task.split,
        subset=task.subset,
        task_revision=f"{place:032x}",
        task_type=kind,
        metric=metric,
        value=value,
        statistic=statistic,
        metrics={metric: value, "recall_at_1": 0.8 * value, "recall_at_5": value, "mrr_at_10": 0.9 * value},
        items=items,
        provenance=Provenance(
            command="made up", packages=packages, commit="0" * 40, hardware="none", seconds=1, peak_memory_mib=1
        ),
    ).model_dump_json()


def entries(folder: Path, size: Size) -> list[Entry]:
    """Return the models with their scores, read back, and with trainings of three curves."""
    from tcmbench.records.entry import Cost, Entry, TrainingPoint
    from tcmbench.records.score import Score, ScoreRecord

    def stored(path: Path) -> Score:
        return Score(ScoreRecord.model_validate_json((path / "score.json").read_text(encoding="utf-8")), path)

    tasks = suite_of(size.tasks).tasks
    curve = tuple(TrainingPoint(n, 2.4 / (n + 1), 0.4 - 0.3 / (n + 1), 2e-5 * (1 - n / 60)) for n in range(60))
    return [
        Entry(
            name=name_of(number),
            title=name_of(number),
            kind="variant" if number else "base",
            base=name_of(0) if number else None,
            description=f"Variant {number} of a set that is made up.",
            recipe={"negatives.miner": name_of(number), "training.epochs": 1.0 + number % 3, "tuner": "lora"},
            scores={task.column: (stored(folder / name_of(number) / task.task),) for task in tasks},
            cost=Cost(60.0 * (number + 1), 1_200_000, 3_400_000, 900.0 + number, 40_000.0) if number else None,
            training={0: curve} if number else {},
            provenance={"model revision": f"{number:032x}", "training set": f"{number % 9:032x}"},
        )
        for number in range(size.models)
    ]


def built(folder: Path, out: Path, size: Size) -> Built:
    """Build the board of stored scores and return what that cost."""
    import time

    from tcmbench.boards import build, render
    from tcmbench.boards.options import Options
    from tcmbench.specs.policy import default

    start = time.process_time()
    suite = suite_of(size.tasks)
    options = Options(policies=default().with_resamples(size.resamples))
    table = build.build(set_of(size.models, suite), suite, entries(folder, size), options=options)
    files = render.write(table, out, names=render.WRITERS)
    cpu = time.process_time() - start
    return Built(cpu, _cost.peak_mib(), {path.name: path.stat().st_size for path in files})


def opened(page: Path) -> Opened:
    """Open a page in Chromium and sort it by its last column."""
    from tests.boards.browser import start

    with tempfile.TemporaryDirectory() as profile:
        driver = start(Path(profile))
        try:
            driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            driver.get(page.resolve().as_uri())
            milliseconds = driver.execute_script(
                "const heads = document.querySelectorAll('#board .heads button');"
                "const start = performance.now(); heads[heads.length - 1].click(); document.body.offsetHeight;"
                "const [navigation] = performance.getEntriesByType('navigation');"
                "return navigation.loadEventEnd + performance.now() - start"
            )
            metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        finally:
            driver.quit()
    (cpu,) = (metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
    return Opened(milliseconds / 1000, cpu)


def rows_of(size: Size, *, goal: bool) -> list[Row | LeftOut]:
    """Return the figures of a board.

    Args:
        size: Its size.
        goal: Whether it is the one that goals are set for.
    """
    with tempfile.TemporaryDirectory() as folder:
        scores, out = Path(folder) / "scores", Path(folder) / "board"
        write_scores(scores, size)
        cost = _cost.apart(built, scores, out, size)
        rows: list[Row | LeftOut] = [
            Row(
                case=f"{size}: from scores to files",
                unit="processor s",
                ours=cost.cpu,
                mib=cost.mib,
                most=180 if goal else None,
                most_mib=2048 if goal else None,
                note="Memory of boards: the whole process.",
            )
        ]
        rows += [
            Row(
                case=f"{size}: {name}",
                unit="KB",
                ours=count / 1000,
                most=500 if goal and name == "index.html" else None,
            )
            for name, count in cost.pages.items()
            if name in render_names()
        ]
        rows.append(browser_row(out / "index.html", size, goal=goal))
    return rows


def render_names() -> tuple[str, ...]:
    """Return the files of a published board."""
    from tcmbench.boards.files import PUBLISHED

    return PUBLISHED


def browser_row(page: Path, size: Size, *, goal: bool) -> Row | LeftOut:
    """Return the browser's time, or what is missing to measure it."""
    from tests.boards.browser import CHROMIUM, DRIVER

    case = f"{size}: from navigation to the end of a first sort"
    if CHROMIUM is None or DRIVER is None or importlib.util.find_spec("selenium") is None:
        return LeftOut(case=case, reason="needs chromium, chromedriver and selenium")
    timing = opened(page)
    return Row(
        case=case,
        unit="wall s",
        ours=timing.wall,
        most=2 if goal else None,
        note=f"{size}: {timing.cpu:.2f} processor s in the main thread of the page.",
    )


def figures(given: argparse.Namespace) -> list[Row | LeftOut]:
    """Measure every size."""
    if given.quick:
        return rows_of(Size(6, 6, 200, 1_000), goal=False)
    return [*rows_of(Size(20, 10, 1_000), goal=False), *rows_of(Size(100, 30, 5_000), goal=True)]


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, figures, packages=("numpy", "pyarrow", "jinja2", "matplotlib")))
