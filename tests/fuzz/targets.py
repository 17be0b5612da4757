"""Every reader of data and of specs, each with a small valid input and what is done with it."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tcmbench import plugins, tasks
from tcmbench.comparison import baseline
from tcmbench.data import tables, tcm_sd, validate
from tcmbench.data.convert import convert
from tcmbench.data.formats import Collection, Document, TrainingRow, beir
from tcmbench.data.lines import Row, iter_objects
from tcmbench.specs import policy
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import Suite
from tcmbench.specs.task import TaskSpec
from tcmbench.specs.variant import Variant
from tcmbench.tuning import training_data
from tcmbench.tuning.recipe import parts_of
from tests.task_types.folders import workspace_of, write_beir, write_lines, write_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.specs.toml import Spec

_ROW = TrainingRow("头痛发热", ("风寒表证",), ("心脾两虚证",))
_COLLECTION = Collection(
    {"q1": "头痛发热", "q2": "心悸失眠"},
    {"d1": Document("风寒表证"), "d2": Document("心脾两虚证")},
    {"train": {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 1}}},
)
_TASKS = {
    "retrieval": "beir", "two_stage": "beir", "sts": "sts.jsonl", "pair_classification": "pairs.jsonl",
    "classification": "texts", "clustering": "texts/train.jsonl", "syndrome_retrieval": "records",
    "syndrome_reranking": "records", "pairs_retrieval": "pairs.jsonl", "syndrome_classification": "records",
}  # fmt: skip
_PAIRS = 'query,positive,label\n头痛发热,风寒表证,1\n心悸失眠,"心脾,两虚证",0\n'


def _parquet() -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(_PAIRS.encode())), file)
    return file.getvalue()


_FORMS = ("csv", "tsv.gz", "parquet", "json.zst")
"""Ends of the names of files that every layout may have instead of .jsonl."""

_TABLES = {
    ".csv": _PAIRS.encode(), ".tsv": _PAIRS.replace(",", "\t").encode("gb18030"),
    ".csv.gz": gzip.compress(_PAIRS.encode()),
    ".csv.zst": pa.Codec("zstd").compress(_PAIRS.encode(), asbytes=True), ".parquet": _parquet(),
    ".json": b'[{"query": "a", "positive": ["b", "c"]}, {"query": "d", "answer": "e", "label": 1}]',
}  # fmt: skip
"""End of the file's name → a table of pairs."""

_SPECS: dict[str, tuple[type[Spec], str]] = {
    "base": (Base, 'kind = "embedding"\nhub_id = "a/b"\npooling = "last"\nmax_length = 512\n[options]\nx = 1\n'),
    "variant": (
        Variant,
        'base = "b"\ndata = "d"\nseeds = [0, 1]\n[negatives]\nminer = "bm25"\n[training]\nepochs = 2\n',
    ),
    "suite": (Suite, '[[tasks]]\ntask = "A"\nrole = "in_domain"\n[[tasks]]\ntask = "B"\nrole = "general"\n'),
    "task": (TaskSpec, 'type = "sts"\npath = "a/b.jsonl"\nsplits = ["test"]\n[options]\nlow = 0\nhigh = 5\n'),
    "set": (
        ModelSet,
        """\
suite = "s"
reference = "b"
models = ["b"]
[[matrix]]
name = "v-{x}-{y}"
common = {base = "b", data = "d"}
[matrix.axes]
x = {a = {training = {epochs = 1}}, b = {training = {epochs = 2}}}
y = {c = {max_samples = 10}, d = {max_samples = 20}}
""",
    ),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One reader."""

    write: Callable[[Path], object]
    """Writes its valid input into an empty folder."""

    use: Callable[[Path], object]
    """Reads what is in the folder."""


def targets() -> dict[str, Target]:
    """Return all targets by name."""
    found = {
        "data/tcm_sd": Target(_write_records, _use_records),
        "data/training": Target(_write_records, _use_training),
        "policy": Target(_write_policy, lambda folder: policy.read(folder / "policy.toml")),
        "baseline": Target(_write_baseline, _use_baseline),
    }
    found |= {f"formats/{name}": _format(name) for name in plugins.names("formats") if name != "table"}
    found |= {f"formats/table{ending}": _table(ending) for ending in _TABLES}
    found |= {f"tasks/{kind}": Target(lambda root, kind=kind: _write_task(root, kind), _use_task) for kind in _TASKS}
    found |= {
        f"tasks/{kind}.{form}": Target(lambda root, kind=kind, form=form: _write_task(root, kind, form), _use_task)
        for kind in _TASKS
        for form in _FORMS
    }
    found |= {f"specs/{name}": _spec(*spec) for name, spec in _SPECS.items()}
    return found


def _format(name: str) -> Target:
    module = plugins.load("formats", name)
    holds_rows = module.HOLDS == "rows"

    def write(folder: Path) -> None:
        module.write([_ROW, _ROW] if holds_rows else _COLLECTION, folder / "source")

    def use(folder: Path) -> None:
        if name == "beir":
            beir.read_split(folder / "source", "train")
        if holds_rows:
            list(module.read(folder / "source"))
        convert(folder / "source", folder / "beir", source_format=name, target_format="beir")
        convert(folder / "source", folder / "rows", source_format=name, target_format="pos_neg", split=None)

    return Target(write, use)


def _table(ending: str) -> Target:
    def use(folder: Path) -> None:
        source = folder / f"source{ending}"
        list(tables.training_rows(source))
        convert(source, folder / "beir", source_format="table", target_format="beir")

    return Target(lambda folder: (folder / f"source{ending}").write_bytes(_TABLES[ending]), use)


def _spec(schema: type[Spec], text: str) -> Target:
    def write(folder: Path) -> None:
        (folder / "spec.toml").write_text(text, encoding="utf-8")

    def use(folder: Path) -> None:
        place = workspace_of(folder / "place", {})
        shown = place.root / _FOLDERS[schema]
        shown.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.toml"):
            path.rename(shown / path.name)
        for name in place.names(schema):
            if (shown / f"{name}.toml").exists():
                spec = place.spec(schema, name)
                spec.model_dump_json()
                if isinstance(spec, ModelSet):
                    place.variants(spec)

    return Target(write, use)


_FOLDERS: dict[type[Spec], str] = {
    Base: "models/bases", Variant: "models/variants", Suite: "tasks/suites", TaskSpec: "tasks", ModelSet: "models/sets",
}  # fmt: skip


def _write_policy(folder: Path) -> None:
    text = 'margin = 1.0\nrequired_gain = "none"\n[baseline]\nmargin = 0.5\n'
    (folder / "policy.toml").write_text(text, encoding="utf-8")


def _write_baseline(folder: Path) -> None:
    values = baseline.encode(np.array([[100.0, 63.093, 0.0]]), "mean", where="m on T")
    task = {"task": "T", "split": "test", "subset": "default", "metric": "ndcg_at_10", "statistic": "mean", "items": 3}
    made = {
        "set": "s", "suite": "s", "reference": "m", "packages": {"mteb": "2.26.0"},
        "tasks": {"T": {**task, "ids": "0" * 64, "revision": "1" * 32}},
        "models": {"m": {"kind": "base", "seeds": 1, "revisions": ["2" * 32], "scores": {"T": 54.3643}}},
        "values": {"m": {"T": values}},
    }  # fmt: skip
    baseline.write(folder / "baseline.json", baseline.Baseline.model_validate(made))


def _use_baseline(folder: Path) -> None:
    kept = baseline.read(folder / "baseline.json")
    for name, columns in kept.values.items():
        for column in columns:
            kept.row(name, column, where="baseline.json")


def _write_records(folder: Path) -> None:
    rows = [
        {"user_id": str(n), "norm_syndrome": f"证{n % 3}", "chief_complaint": f"头痛{n}天", "description": "无"}
        for n in range(9)
    ]
    for split in ("train", "dev", "test"):
        write_lines(folder / f"{split}.jsonl", rows)
    write_lines(folder / "syndrome_knowledge.jsonl", [{"Name": f"证{n}", "Definition": f"义{n}"} for n in range(3)])
    (folder / "syndrome_vocab.txt").write_text("证0\n证1\n证2\n", encoding="utf-8")
    (folder / "label_map.txt").write_text('甲证,证0,MERGE,""\n乙证,NULL,DELETE\n', encoding="utf-8")


def _use_records(folder: Path) -> None:
    validate.validate(folder)
    tcm_sd.read_folder(folder)


def _use_training(folder: Path) -> None:
    place = workspace_of(folder.parent / f"{folder.name}-place", {})
    folder.rename(place.root / "data/records")
    training_data._read.cache_clear()
    parts_of(place, Variant(name="v", base="b", data="records"))[0].data.read()


def _write_task(root: Path, kind: str, form: str = "jsonl") -> None:
    path = _TASKS[kind]
    if path == "beir":
        write_beir(root / "beir")
    elif path == "records":
        _write_records(root / "records")
    elif path.startswith("texts"):
        for split in ("train", "test"):
            write_lines(root / f"texts/{split}.jsonl", [{"text": f"头痛{n}", "label": n % 2} for n in range(6)])
    else:
        field = "score" if kind == "sts" else "label"
        pairs = [{"sentence1": f"甲{n}", "sentence2": f"乙{n}", field: n % 2} for n in range(6)]
        write_lines(root / path, pairs)
    for file in [*root.rglob("*.jsonl")] if form != "jsonl" else ():
        write_table(file.with_suffix(f".{form}"), [row.value for row in iter_objects(file) if isinstance(row, Row)])
        file.unlink()
    options = "minimum = 1\n" if kind == "syndrome_classification" else ""
    spec = f'type = "{kind}"\npath = "{path.replace("jsonl", form)}"\n[options]\n{options}'
    (root / "Task.toml").write_text(spec, encoding="utf-8")


def _use_task(folder: Path) -> None:
    """Plan a suite of the task and read its data, as a run does before it measures."""
    place = workspace_of(folder.parent / f"{folder.name}-place", {})
    (place.root / "data").rmdir()
    folder.rename(place.root / "data")
    for path in (place.root / "data").glob("*.toml"):
        path.rename(place.root / "tasks/Task.toml")
    suite = Suite.model_validate({"name": "all", "tasks": [{"task": "Task", "role": "in_domain"}]})
    for task in tasks.plan_suite(place, suite).tasks.values():
        tasks.instantiate(task, "test").load_data()


def described(target: str, index: int, seed: int, changes: str) -> str:
    """Return one input in words, as JSON."""
    return json.dumps({"target": target, "index": index, "seed": seed, "changes": changes})
