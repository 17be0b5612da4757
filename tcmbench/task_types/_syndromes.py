"""Queries, documents and qrels of a TCM-SD folder, and metrics as classifiers report them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.data import table_files
from tcmbench.data.tcm_sd import KNOWLEDGE
from tcmbench.errors import DataError
from tcmbench.task_types import ItemInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.ranking.per_query import PerQuery


class Pool(NamedTuple):
    """One split as a retrieval problem."""

    folder: Folder
    """Folder that it was read from."""

    queries: dict[str, str]
    """record id → text."""

    documents: dict[str, str]
    """Syndrome → text."""

    qrels: dict[str, dict[str, int]]
    """record id → syndrome → 1."""

    items: dict[str, ItemInfo]
    """record id → patient and first label."""


def folder_files(path: Path, splits: Sequence[str], *, vocabulary_needed: bool = False) -> list[Path]:
    """Return the files of these splits.

    Raises:
        DataError: There are two of one name, in different formats.
    """
    wanted = [table_files.find(path, name) for name in (*splits, KNOWLEDGE)]
    vocabulary = path / "syndrome_vocab.txt"
    if vocabulary_needed or vocabulary.is_file():
        wanted.append(vocabulary)
    return wanted + sorted(p for p in path.glob("label_map*") if p.suffix in {".txt", ".csv"})


def read_pool(path: Path, split: str, *, pool: Literal["knowledge_base", "closed"] = "knowledge_base") -> Pool:
    """Read one split of a folder as a retrieval problem.

    Raises:
        DataError: The closed pool lacks the gold label of a record.
    """
    from tcmbench.data.tcm_sd import read_folder

    folder = read_folder(path, splits=[split])
    documents = {syndrome.doc_id: syndrome.document() for syndrome in folder.knowledge}
    records = folder.splits[split]
    if pool == "closed":
        closed = set(folder.vocabulary)
        documents = {name: text for name, text in documents.items() if name in closed}
        outside = [f"{r.record_id} ({', '.join(r.labels)})" for r in records if not closed.issuperset(r.labels)]
        if outside:
            raise DataError(
                f"{path}: {len(outside)} records of split {split} have labels outside syndrome_vocab.txt: "
                f"{'; '.join(outside[:5])}. The closed pool needs every gold label; use the whole knowledge base."
            )
    return Pool(
        folder=folder,
        queries={record.record_id: record.query() for record in records},
        documents=documents,
        qrels={record.record_id: dict.fromkeys(record.labels, 1) for record in records},
        items={record.record_id: ItemInfo(record.patient_id, record.labels[0]) for record in records},
    )


def extra_metrics(per_query: PerQuery, qrels: Mapping[str, Mapping[str, int]], *, closed: bool) -> dict[str, float]:
    """Return macro-R@1 and, for the closed pool, accuracy and macro-F1 of the first document.

    Macro figures give every gold syndrome the same weight, whatever its number of records. A record with several gold
    syndromes counts for the one that was retrieved, else for its first one.
    """
    first = dict(zip(per_query.query_ids.tolist(), per_query.top1.tolist(), strict=True))
    gold: list[str] = []
    predicted: list[str] = []
    for query, row in qrels.items():
        labels = [label for label, grade in row.items() if grade > 0]
        top = first.get(query, "")
        predicted.append(top)
        gold.append(top if top in labels else labels[0])
    hits: dict[str, list[bool]] = defaultdict(list)
    for label, top in zip(gold, predicted, strict=True):
        hits[label].append(label == top)
    metrics = {"macro_recall_at_1": sum(sum(h) / len(h) for h in hits.values()) / len(hits)}
    if closed:
        from sklearn.metrics import f1_score

        metrics["accuracy"] = sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)
        metrics["macro_f1"] = float(f1_score(gold, predicted, average="macro", zero_division=0))
    return metrics
