"""Small data sets in the layouts in which the hub holds those of suite `tcm`: files, configurations, columns, types.

The texts are generated. Names and commits are those of mteb's metadata, so that a repository or revision that the suite
wouldn't ask for isn't found.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hub.server import Repository

RETRIEVAL = ("CmedqaRetrieval", "MedicalRetrieval", "T2Retrieval", "DuRetrieval", "CovidRetrieval")
RERANKING = {"CMedQAv1-reranking": "test", "CMedQAv2-reranking": "test", "T2Reranking": "dev"}
STS = {"LCQMC": pa.int32(), "AFQMC": pa.int32(), "STSB": pa.int32()}
CLASSIFICATION = ("TNews", "IFlyTek")

Columns = Mapping[str, Sequence[Any]]
Rows = list[dict[str, Any]]

_HASH = "-0123456789abcdef"
"""C-MTEB's files bear a hash, those of organisation mteb don't."""


def write(root: Path, general: Path, datasets: Mapping[str, Mapping[str, str]]) -> dict[str, Repository]:
    """Write all data sets and return them by the path under which a hub serves them.

    Args:
        root: Folder to write to.
        general: Generated data: qa-retrieval, sts.jsonl, headlines-classification, clustering.jsonl.
        datasets: Task → mteb's `dataset`: path and revision.
    """
    qa = _qa(general / "qa-retrieval")
    draw = random.Random(7)
    for name in RETRIEVAL:
        _retrieval(root / name, qa[: draw.randint(40, 60)])
    for name, split in RERANKING.items():
        _reranking(root / name, qa[: draw.randint(30, 40)], split)
    pairs = _rows(general / "sts.jsonl")
    for name, type_ in STS.items():
        _sts(root / name, draw.sample(pairs, 120), type_, scale=1 if name == "STSB" else 5)
    _pairs(root / "Ocnli", draw.sample(pairs, 100))
    for name in CLASSIFICATION:
        _classification(root / name, general / "headlines-classification", draw)
    _clustering(root / "ThuNewsClusteringS2S", _rows(general / "clustering.jsonl"), draw)
    _public_health(root / "PublicHealthQA", qa[:30])
    return {f"datasets/{its['path']}": _repository(root / name, its["revision"]) for name, its in datasets.items()}


def write_tcm_sd(target: Path, generated: Path) -> None:
    """Write generated records as the official TCM-SD has them: JSON lines named .json, its own keys, no patients."""
    keys = {"description": "medical_history", "detection": "FDMR"}
    target.mkdir(parents=True)
    for path in sorted(generated.glob("*.jsonl")):
        rows = [{keys.get(key, key): value for key, value in row.items() if key != "user_id"} for row in _rows(path)]
        lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        (target / f"{path.stem}.json").write_text(lines, encoding="utf-8")
    for name in ("syndrome_vocab.txt", "label_map_gb18030.txt"):
        (target / name).write_bytes((generated / name).read_bytes())


def _repository(folder: Path, revision: str) -> Repository:
    """Return a repository at mteb's commit; of the one that mteb takes from a branch, at the commit that it cites."""
    if revision == "main":
        return Repository(folder, "3b67b6b".ljust(40, "0"), ("main", "3b67b6b"))
    return Repository(folder, revision)


def _retrieval(folder: Path, qa: list[tuple[str, str]]) -> None:
    """Configurations corpus, queries and default, as mteb's conversion of C-MTEB pushed them."""
    documents = [f"D{number}" for number in range(len(qa))]
    ids = [f"Q{number}" for number in range(len(qa))]
    parts = {
        ("corpus", "dev"): {"id": documents, "text": [passage for _, passage in qa]},
        ("queries", "dev"): {"id": ids, "text": [question for question, _ in qa]},
        ("default", "dev"): {"query-id": ids, "corpus-id": documents, "score": [1] * len(ids)},
    }
    _write_repository(folder, parts)


def _reranking(folder: Path, qa: list[tuple[str, str]], split: str) -> None:
    """The same with titles, candidates in top_ranked, and a judgement of 0 for each candidate that isn't relevant."""
    candidates, judged = [], []
    for number in range(len(qa)):
        pool = [(number + step) % len(qa) for step in (3, 1, 0, 2, 4, 7)]
        candidates.append([f"D{other}" for other in pool])
        judged += [(f"Q{number}", f"D{other}", int(other in {number, (number + 4) % len(qa)})) for other in pool]
    ids = [f"Q{number}" for number in range(len(qa))]
    corpus = {"_id": [f"D{n}" for n in range(len(qa))], "text": [p for _, p in qa], "title": [""] * len(qa)}
    parts = {
        ("corpus", split): corpus,
        ("queries", split): {"_id": ids, "text": [question for question, _ in qa]},
        ("default", split): dict(zip(("query-id", "corpus-id", "score"), zip(*judged, strict=True), strict=True)),
        ("top_ranked", split): {"query-id": ids, "corpus-ids": candidates},
    }
    _write_repository(folder, parts)


def _sts(folder: Path, pairs: Rows, type_: pa.DataType, *, scale: float) -> None:
    """One configuration with three splits."""
    columns = {
        "sentence1": [pair["sentence1"] for pair in pairs],
        "sentence2": [pair["sentence2"] for pair in pairs],
        "score": pa.array([round(pair["score"] / scale) for pair in pairs], type_),
    }
    _write_repository(folder, {("default", split): columns for split in ("train", "validation", "test")}, hashed=_HASH)


def _pairs(folder: Path, pairs: Rows) -> None:
    """All pairs in the lists of a single row."""
    columns = {
        "sent1": [[pair["sentence1"] for pair in pairs]],
        "sent2": [[pair["sentence2"] for pair in pairs]],
        "labels": [[int(pair["score"] > 2) for pair in pairs]],
    }
    _write_repository(folder, {("default", "validation"): columns}, hashed=_HASH)


def _classification(folder: Path, source: Path, draw: random.Random) -> None:
    """Numbers as labels; the test split has no gold."""
    train, test = _rows(source / "train.jsonl"), _rows(source / "test.jsonl")
    labels = sorted({row["label"] for row in train})
    parts = {}
    for split, rows in (("train", train), ("validation", draw.sample(test, min(80, len(test))))):
        texts = [row["text"] for row in rows]
        parts["default", split] = {"text": texts, "label": [labels.index(row["label"]) for row in rows]}
    parts["default", "test"] = {"text": [row["text"] for row in test], "label": [-1] * len(test)}
    for columns in parts.values():
        columns["idx"] = list(range(len(columns["text"])))
    _write_repository(folder, parts, hashed=_HASH)


def _clustering(folder: Path, rows: Rows, draw: random.Random) -> None:
    """One row per set of texts."""
    sets = [draw.sample(rows, 60) for _ in range(3)]
    columns = {
        "sentences": [[row["text"] for row in each] for each in sets],
        "labels": [[str(row["label"]) for row in each] for each in sets],
    }
    _write_repository(folder, {("default", "test"): columns}, hashed=_HASH)


def _public_health(folder: Path, qa: list[tuple[str, str]]) -> None:
    """A CSV file per language."""
    (folder / "data").mkdir(parents=True)
    languages = ("arabic", "chinese", "english")
    for language in languages:
        with (folder / f"data/{language}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["question", "answer", "source"])
            table.writerows([question, answer, "WHO"] for question, answer in qa)
    files = {language: [("test", f"data/{language}.csv")] for language in languages}
    (folder / "README.md").write_text(f"---\nconfigs:\n{_configs(files)}---\n", encoding="utf-8")


def _write_repository(folder: Path, parts: Mapping[tuple[str, str], Columns], *, hashed: str = "") -> None:
    """Write one Parquet file per configuration and split, and the card that lists them."""
    files: dict[str, list[tuple[str, str]]] = {}
    for (config, split), columns in parts.items():
        inside = "data" if config == "default" else config
        (folder / inside).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(dict(columns)), folder / inside / f"{split}-00000-of-00001{hashed}.parquet")
        files.setdefault(config, []).append((split, f"{inside}/{split}-*"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{_configs(files)}---\n# Data\n", encoding="utf-8")
    (folder / ".gitattributes").write_text("*.parquet filter=lfs diff=lfs merge=lfs -text\n", encoding="utf-8")


def _configs(files: Mapping[str, list[tuple[str, str]]]) -> str:
    lines = []
    for config, splits in files.items():
        lines.append(f"- config_name: {config}\n  data_files:\n")
        lines += [f"  - split: {split}\n    path: {path}\n" for split, path in splits]
    return "".join(lines)


def _qa(folder: Path) -> list[tuple[str, str]]:
    """Return questions with their passages."""
    texts = {row["_id"]: row["text"] for name in ("queries", "corpus") for row in _rows(folder / f"{name}.jsonl")}
    lines = (folder / "qrels/test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(texts[query], texts[document]) for query, document, _ in (line.split("\t") for line in lines)]


def _rows(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
