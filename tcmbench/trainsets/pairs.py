"""From records to what is learned: one pair for each positive of a record, with its mined negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import tcmbench.plugins as plugins
from tcmbench.errors import DataError
from tcmbench.miners import Context, Corpus, Negatives, Queries
from tcmbench.text.ngrams import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tcmbench.data.label_map import LabelMap
    from tcmbench.data.tcm_sd import Folder, Record, Syndrome
    from tcmbench.specs.variant import Variant


class Pair(NamedTuple):
    """A record and one of its positives; a second positive in a row is ignored by ms-swift."""

    record: int
    """Position among the records."""

    positive: int
    """Position in the knowledge base."""

    negatives: tuple[int, ...]
    """Positions in the knowledge base, hardest first."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a split."""

    records: tuple[Record, ...]

    knowledge: tuple[Syndrome, ...]

    pairs: tuple[Pair, ...]

    labels: tuple[frozenset[str], ...]
    """Per record: its syndromes, each named by its family (see `families`)."""

    filled: int
    """Negatives that only fill up (see `tcmbench.miners.Negatives`)."""


def make_pairs(variant: Variant, records: Sequence[Record], folder: Folder, *, seed: int, context: Context) -> Pairs:
    """Return the pairs of some records with their mined negatives.

    Raises:
        UnknownName: There is no such miner.
        SpecError: The miner can't take these options.
        DataError: There are no records, a label is not in the knowledge base, or too few documents are left.
    """
    if not records:
        raise DataError(f"{folder.root}: expected records to train on, got none. Check the split and drop_leaks.")
    at = {syndrome.doc_id: position for position, syndrome in enumerate(folder.knowledge)}
    for record in records:
        absent = [label for label in record.labels if label not in at]
        if absent:
            raise DataError(
                f"{folder.root}: record {record.record_id}: {', '.join(absent)} not in the knowledge base; "
                "run: tcmbench data validate"
            )
    found = _mine(variant, records, folder, seed=seed, context=context)
    pairs = tuple(
        Pair(position, at[label], tuple(at[doc_id] for doc_id in found.ids[position]))
        for position, record in enumerate(records)
        for label in record.labels
    )
    family = families(folder.knowledge, folder.label_map)
    labels = tuple(frozenset(family[label] for label in record.labels) for record in records)
    return Pairs(tuple(records), folder.knowledge, pairs, labels, found.filled)


def families(knowledge: Sequence[Syndrome], label_map: LabelMap | None) -> Mapping[str, str]:
    """Return one name for all syndromes that are right for each other's records.

    These are entries with the same text, and entries that the label map merges.
    """
    parent = {syndrome.doc_id: syndrome.doc_id for syndrome in knowledge}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    first_with: dict[str, str] = {}
    for syndrome in knowledge:
        twin = first_with.setdefault(normalise(syndrome.document()), syndrome.doc_id)
        merged = label_map.merged_with(syndrome.doc_id) if label_map else frozenset[str]()
        for other in sorted({twin} | (merged & parent.keys())):
            parent[root(other)] = root(syndrome.doc_id)
    return {name: root(name) for name in parent}


def corpus_of(knowledge: Sequence[Syndrome], label_map: LabelMap | None) -> Corpus:
    """Return the knowledge base as miners take it."""
    merged = {s.doc_id: label_map.merged_with(s.doc_id) for s in knowledge} if label_map else {}
    return Corpus(tuple(s.doc_id for s in knowledge), tuple(s.document() for s in knowledge), merged)


def queries_of(records: Sequence[Record]) -> Queries:
    """Return records as miners take them."""
    return Queries(
        tuple(record.record_id for record in records),
        tuple(record.query() for record in records),
        tuple(frozenset(record.labels) for record in records),
    )


def _mine(variant: Variant, records: Sequence[Record], folder: Folder, *, seed: int, context: Context) -> Negatives:
    where = f"variant {variant.name}"
    miner = plugins.load("miners", variant.negatives.miner, where=where)
    options = plugins.options(miner, variant.negatives.options, where=where)
    found: Negatives = miner.mine(
        queries_of(records),
        corpus_of(folder.knowledge, folder.label_map),
        options=options,
        seed=seed,
        context=context,
    )
    return found
