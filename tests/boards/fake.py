"""Scores that were never measured, for tests of the board: a whole set of any size, written to a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tcmbench.records.entry import CellState, Cost, Entry, TaskCard, TrainingPoint
from tcmbench.records.reason import Reason
from tcmbench.records.score import Provenance, Score, ScoreRecord
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.policy import default
from tcmbench.specs.suite import Suite, SuiteTask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POLICIES = default().with_resamples(1_000)

LABELS = ("脾胃虚弱证", "肝郁气滞证", "风寒束表证", "痰湿蕴肺证", "心脾两虚证", "肾阳虚证", "湿热下注证", "气滞血瘀证")
SHAPES: Mapping[str, tuple[str, str, str]] = {
    "in_domain": ("Retrieval", "ndcg_at_10", "mean"),
    "held_out": ("Reranking", "map_at_10", "mean"),
    "general": ("STS", "cosine_spearman", "spearman"),
}
PROVENANCE = Provenance(
    command="tcmbench run fake",
    packages={"mteb": "2.26.0", "torch": "2.13.0"},
    commit="0123456789abcdef",
    hardware="two cores",
    seconds=12.5,
    peak_memory_mib=812.0,
)


@dataclass(frozen=True)
class Shape:
    """Size of a fake set."""

    variants: int = 4
    columns: int = 6
    items: int = 60
    seeds: int = 2
    labels: Mapping[int, str] = field(default_factory=dict)
    """Number of the variant → title, in place of the usual one."""
    tasks: Mapping[int, str] = field(default_factory=dict)
    """Number of the column → beginning of its task's name, in place of the usual one."""
    broken: bool = True
    """Whether some cells have no score."""


@dataclass(frozen=True)
class Fake:
    """What `build` takes."""

    model_set: ModelSet
    suite: Suite
    entries: tuple[Entry, ...]
    cards: Mapping[str, TaskCard]


def fake_suite(columns: int, *, synthetic: bool = True, names: Mapping[int, str] | None = None) -> Suite:
    """Return a suite with all three roles and, with six columns or more, three kinds of task."""
    roles = (["in_domain"] * max(1, columns // 4)) + (["held_out"] * max(1, columns // 4))
    roles += ["general"] * (columns - len(roles))
    tasks = tuple(
        SuiteTask(task=f"{(names or {}).get(number, role.title().replace('_', ''))}{number}", role=role, title="")
        for number, role in enumerate(roles)
    )
    return Suite(name="fake", description="Tasks that don't exist.", synthetic=synthetic, tasks=tasks)


def write_score(
    folder: Path, *, model: str, task: SuiteTask, values: np.ndarray, gold: np.ndarray, revision: str = "r1"
) -> Score:
    """Write one score; `values` are the items' true qualities around 0–1."""
    kind, metric, statistic = _shape(task)
    folder.mkdir(parents=True, exist_ok=True)
    count = len(values)
    columns: dict[str, list[object]] = {
        "item": [f"{task.task}-{number:05d}" for number in range(count)],
        "cluster": [f"patient-{number // 2}" for number in range(count)],
        "group": [LABELS[int(8 * (number / count) ** 2)] for number in range(count)],
    }
    if statistic == "mean":
        levels = np.array([0.0, 0.0, 0.3010, 0.3869, 0.5, 0.6309, 1.0, 1.0])
        measured = levels[np.clip((values * 8).astype(int), 0, 7)]
        columns[metric] = list(measured)
        columns["top1"] = [
            group if value == 1 else LABELS[(number * 3) % 8]
            for number, (group, value) in enumerate(zip(columns["group"], measured, strict=True))
        ]
        right = [float(top == group) for top, group in zip(columns["top1"], columns["group"], strict=True)]
        columns.setdefault("accuracy", list(right))
        value = float(measured.mean())
    else:
        from scipy.stats import spearmanr

        columns["group"] = [""] * count
        columns["similarity"], columns["gold"] = list(values), list(gold)
        value = float(spearmanr(values, gold).statistic)
    pq.write_table(pa.table(columns), folder / "items.parquet")
    record = ScoreRecord(
        model=model, model_revision=f"{model}-revision", task=task.task, split=task.split, subset=task.subset,
        task_revision=revision, task_type=kind, metric=metric, value=value, statistic=statistic,
        metrics={metric: value, "recall_at_1": value * 0.8, "recall_at_10": min(1.0, value * 1.2)},
        items=count, provenance=PROVENANCE,
    )  # fmt: skip
    return Score(record, folder)


def _shape(task: SuiteTask) -> tuple[str, str, str]:
    if task.role == "general" and int(task.task[-1]) % 2 == 0:
        return ("Classification", "accuracy", "mean")
    return SHAPES[task.role]


def make(root: Path, shape: Shape | None = None, *, seed: int = 0) -> Fake:
    """Write a set: a reference, a baseline, and variants that gain in domain and forget, each in its measure."""
    shape = shape or Shape()
    rng = np.random.default_rng(seed)
    suite = fake_suite(shape.columns, names=shape.tasks)
    worlds = {task.column: (rng.random(shape.items), rng.random(shape.items)) for task in suite.tasks}

    def score(name: str, model: str, task: SuiteTask, shift: float, noise: float) -> Score:
        quality, gold = worlds[task.column]
        values = 0.45 * quality + 0.25 * gold + 0.2 + shift + noise * (rng.random(shape.items) - 0.5)
        folder = root.joinpath(*(part.replace("/", "_") for part in (name, model, task.task)))
        return write_score(folder, model=model, task=task, values=values, gold=gold)

    def whole(name: str, shifts: Mapping[str, float], noise: float) -> dict[str, tuple[Score, ...]]:
        return {t.column: (score(name, name, t, shifts[t.role], noise),) for t in suite.tasks}

    flat = dict.fromkeys(("in_domain", "held_out", "general"), 0.0)
    low = dict.fromkeys(flat, -0.2)
    entries = [
        Entry(
            name="mini-zh", title="mini-zh", kind="base", scores=whole("mini-zh", flat, 0.2),
            recipe={"kind": "embedding", "pooling": "mean", "dtype": "float32"},
            cost=Cost(encode_tokens_per_second=41_000.0), provenance={"hardware": "two cores"},
            description="The untuned base.",
        ),
        Entry(
            name="bm25-words", title="BM25 (words)", kind="baseline", scores=whole("bm25-words", low, 0.6),
            recipe={"encoder": "bm25"}, description="Lexical matching.",
        ),
    ]  # fmt: skip
    entries += [_variant(number, shape, suite, score, rng) for number in range(shape.variants)]
    cards = {
        task.column: TaskCard(
            description="Finds the syndrome of a record.", source="made up for the tests", license="CC0-1.0",
            languages=("zho-Hans",), synthetic=True,
        )
        for task in suite.tasks
    }  # fmt: skip
    models = ("mini-zh", "bm25-words")
    names = tuple(entry.name for entry in entries[2:])
    model_set = ModelSet(
        name="fake", title="Fake set", suite="fake", reference="mini-zh", models=models, variants=names,
        description="A set made up for tests.",
    )  # fmt: skip
    return Fake(model_set, suite, tuple(entries), cards)


def _variant(number: int, shape: Shape, suite: Suite, score, rng) -> Entry:  # type: ignore[no-untyped-def]  # noqa: ANN001
    miners = ("random", "bm25", "embedding", "hybrid")
    miner = miners[number % 4]
    tuner = ("full", "lora", "qlora")[number % 3]
    name = f"{miner}-{tuner}-{number:02d}"
    strength = 0.04 + 0.02 * (number % 5)
    shifts = {"in_domain": strength, "held_out": strength * 0.4, "general": 0.01 - strength * (number % 4) / 3}
    scores: dict[str, tuple[Score, ...]] = {}
    states: dict[str, CellState] = {}
    reasons = {
        1: CellState("failed", Reason.message("out of memory after 312 steps; peak 7.9 GiB of 8 GiB")),
        2: CellState("pending"),
        3: CellState("not_measured", Reason.message("data absent: expected sts/test.tsv under the data root")),
    }
    for place, task in enumerate(suite.tasks):
        if shape.broken and number in reasons and place == len(suite.tasks) - 1:
            states[task.column] = reasons[number]
            continue
        scores[task.column] = tuple(
            score(name, f"{name}/seed{k}", task, shifts[task.role] + 0.01 * rng.normal(), 0.25)
            for k in range(shape.seeds)
        )
    log = {
        k: tuple(
            TrainingPoint(
                step=10 * step,
                loss=float(2.2 * np.exp(-step / 12) + 0.4 + 0.05 * rng.normal()),
                margin=float(0.4 - 0.3 * np.exp(-step / 15) + 0.01 * rng.normal()),
                learning_rate=2e-5 * min(1.0, step / 5) * (1 - step / 60),
            )
            for step in range(1, 60)
        )
        for k in range(shape.seeds)
    }
    return Entry(
        name=name, title=shape.labels.get(number, name), kind="variant", base="mini-zh",
        description=f"{miner} negatives, {tuner}.",
        recipe={
            "base": "mini-zh", "data": "tcm-sd", "negatives.miner": miner, "negatives.options.count": 5,
            "augmentation.name": None, "tuner": tuner, "trainer": "sentence_transformers", "training.epochs": 1.0,
            "training.batch_size": 32, "training.learning_rate": 2e-5, "training.temperature": 0.05,
            "training.loss": "infonce", "batch_rule": "label_unique", "seeds": list(range(shape.seeds)),
            **{f"training.option_{place}": f"value {place}" for place in range(24)},
        },
        scores=scores, states=states, training=log,
        cost=Cost(
            train_seconds=60.0 * (number + 1), trained_parameters=1_200_000 * (1 + number % 3),
            train_tokens=3_400_000, peak_memory_mib=900.0 + 10 * number, encode_tokens_per_second=40_000.0,
        ),
        provenance={
            "command": f"tcmbench train {name}", "commit": "0123456789abcdef", "hardware": "two cores",
            "data sha256": "ab" * 32, "packages": ", ".join(f"package-{place} 1.{place}.0" for place in range(20)),
            "model revision": f"{number:032x}",
        },
    )  # fmt: skip
