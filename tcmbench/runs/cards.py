"""Cards of the tasks on a board: facts of their data, slices of their records, and texts on request."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.errors import TcmbenchError
from tcmbench.records.entry import TaskCard
from tcmbench.specs.task import TaskSpec
from tcmbench.tuning import training_data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.data.tcm_sd import Record
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace

_DISEASES = 6


def task_cards(
    workspace: Workspace, planned: PlannedSuite, *, variants: Sequence[Variant] = (), show_text: bool = False
) -> Mapping[str, TaskCard]:
    """Return the card of each column.

    Args:
        workspace: Where specs and data are.
        planned: The suite.
        variants: Variants of the board; their training records say which syndromes were seen.
        show_text: Whether to hold the texts of queries and of texts to classify; only where the user asked for it.
    """
    seen = _trained_labels(workspace, variants)
    cards = {}
    read: dict[tuple[Path, str], Sequence[Record]] = {}
    for column in planned.suite.tasks:
        if not workspace.has_task(column.task):
            continue
        spec = workspace.spec(TaskSpec, column.task)
        task = planned.tasks.get(column.task)
        path = task.path if task is not None else None
        records: Sequence[Record] = ()
        texts: Mapping[str, str] = {}
        if path is not None and (show_text or column.role == "in_domain"):
            layout = tasks.layout(spec)
            # Retrieval, reranking and two-stage tasks ask about the same records.
            with contextlib.suppress(TcmbenchError):  # the column's cells say so
                if (path, column.split) not in read:
                    read[path, column.split] = layout.records(path, column.split)
                records = read[path, column.split]
                if show_text:
                    texts = {record.record_id: record.query() for record in records} or layout.item_texts(
                        path, column.split
                    )
        cards[column.column] = TaskCard(
            description=spec.description,
            description_zh=spec.description_zh,
            source=spec.source,
            license=spec.license,
            languages=spec.languages,
            synthetic=spec.synthetic,
            slices=slices(records, seen=seen) if column.role == "in_domain" else {},
            texts=texts,
        )
    return cards


def slices(records: Sequence[Record], *, seen: frozenset[str]) -> dict[str, dict[str, str]]:
    """Return slicing → record id → slice.

    `length` splits records into thirds by the characters of their query; `disease` names the most frequent diseases
    and the rest other; `seen` states whether a gold syndrome of the record occurs in training, and is left out
    if nothing was trained, or models read samples.

    Args:
        records: Records of one split.
        seen: Gold syndromes of all training records.
    """
    slicings: dict[str, dict[str, str]] = {}
    if not records:
        return slicings
    lengths = sorted(len(record.query()) for record in records)
    short, medium = (lengths[len(lengths) * part // 3] for part in (1, 2))
    slicings["length"] = {
        record.record_id: "short" if size < short else "medium" if size < medium else "long"
        for record in records
        if (size := len(record.query()))
    }
    named = Counter(record.disease for record in records if record.disease)
    frequent = {name for name, _ in sorted(named.items(), key=lambda pair: (-pair[1], pair[0]))[:_DISEASES]}
    slicings["disease"] = {
        record.record_id: record.disease if record.disease in frequent else "other"
        for record in records
        if record.disease
    }
    if seen:
        slicings["seen"] = {
            record.record_id: "unseen" if seen.isdisjoint(record.labels) else "seen" for record in records
        }
    return slicings


def _trained_labels(workspace: Workspace, variants: Sequence[Variant]) -> frozenset[str]:
    """Return the gold syndromes of everything that the variants are trained on; none where one reads a sample.

    Which syndromes are in a sample depends on its seed, so that a record would be seen by some models alone.
    """
    if any(source.samples is not None for variant in variants for source in variant.sources):
        return frozenset()
    labels: set[str] = set()
    sources = {source.model_dump_json(): (source, variant) for variant in variants for source in variant.sources}
    for source, variant in sources.values():
        try:
            labels |= training_data.of_source(workspace, source, where=f"variant {variant.name}").labels
        except TcmbenchError:
            continue  # The error is in the row of the variant.
    return frozenset(labels)
