"""Training pairs of records: one for each positive of a record, with its mined negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import tcmbench.plugins as plugins
from tcmbench.errors import DataError
from tcmbench.miners import Corpus, MiningContext, Negatives, Queries
from tcmbench.miners.selection import copies_of
from tcmbench.text.ngrams import normalise

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tcmbench.data.label_map import LabelMap
    from tcmbench.data.tcm_sd import Folder, Record, Syndrome
    from tcmbench.plugins import Plugin
    from tcmbench.specs.variant import Variant


Forms = tuple[tuple[str | None, ...], ...]
"""Forms of the entries, each with one text per entry; None where an entry has no such form."""


class Pair(NamedTuple):
    """A record and one of its positives; ms-swift ignores a second positive in a row."""

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

    positives: tuple[frozenset[str], ...]
    """Per record: see `positives_of`."""

    labels: tuple[frozenset[str], ...]
    """Per record: its positives, each named by its family (see `families`), and its groups."""

    filled: int
    """Negatives that are fill-ins (see `tcmbench.miners.Negatives`)."""

    forms: Forms = ()
    """Other forms of the documents (see `forms_of`)."""


def make_pairs(
    variant: Variant,
    splits: Mapping[str, Sequence[Record]],
    folder: Folder,
    *,
    seed: int,
    context: MiningContext,
) -> dict[str, Pairs]:
    """Return the pairs of some splits with their mined negatives; all splits are mined in one call.

    Raises:
        UnknownName: There is no such miner.
        SpecError: The miner can't take these options.
        DataError: A split is empty, a label is not in the knowledge base, or too few documents are left.
    """
    at = {syndrome.doc_id: position for position, syndrome in enumerate(folder.knowledge)}
    for split, records in splits.items():
        _check(split, records, folder, known=at.keys())
    everything = [record for records in splits.values() for record in records]
    forms = forms_of(variant, folder.knowledge, seed=seed)
    positives = positives_of(everything)
    negatives = _mine(variant, splits, folder, positives=positives, forms=forms, seed=seed, context=context)
    family = families(folder.knowledge, folder.label_map, forms=forms)
    pairs = {}
    start = 0
    for split, records in splits.items():
        mined = negatives.ids[start : start + len(records)]
        right = positives[start : start + len(records)]
        pairs[split] = Pairs(
            tuple(everything[start : start + len(records)]),
            folder.knowledge,
            tuple(
                Pair(position, at[label], tuple(at[doc_id] for doc_id in mined[position]))
                for position, record in enumerate(records)
                for label in record.labels
            ),
            right,
            tuple(
                frozenset({*(family[label] for label in of_record), *record.batch_labels()})
                for record, of_record in zip(records, right, strict=True)
            ),
            sum(negatives.filled[start : start + len(records)]),
            forms,
        )
        start += len(records)
    return pairs


def forms_of(variant: Variant, knowledge: Sequence[Syndrome], *, seed: int) -> Forms:
    """Return the other forms of the entries: every view of the augmentation.

    Some entries differ in their names only. In a view without the name they are the same text, which can't be positive
    and negative at once.
    """
    if variant.augmentation is None:
        return ()
    # A missing field is an error only for entries that are trained on, and is reported where their texts are built.
    given = {**variant.augmentation.options, "missing": "exclude"}
    augmentation = plugins.use("augmentations", variant.augmentation.name, given, where=f"variant {variant.name}")
    views = (augmentation.module.texts(each, options=augmentation.options, seed=seed) for each in knowledge)
    return tuple(zip(*views, strict=True))


def miner_of(variant: Variant) -> Plugin:
    """Return the miner of a variant.

    Raises:
        UnknownName: No such miner.
        SpecError: Options that it can't take.
    """
    negatives = variant.negatives
    return plugins.use("miners", negatives.miner, negatives.options, where=f"variant {variant.name}")


def augmentation_of(variant: Variant) -> Plugin | None:
    """Return the augmentation of a variant, None where it has none.

    Raises:
        UnknownName: No such augmentation.
        SpecError: Options that it can't take.
    """
    chosen = variant.augmentation
    if chosen is None:
        return None
    return plugins.use("augmentations", chosen.name, chosen.options, where=f"variant {variant.name}")


def families(knowledge: Sequence[Syndrome], label_map: LabelMap | None, *, forms: Forms = ()) -> Mapping[str, str]:
    """Return syndrome → name of its family: syndromes that are positives for each other's records.

    These are entries with the same text, in any of the forms, and entries that the label map merges.
    """
    parent = {syndrome.doc_id: syndrome.doc_id for syndrome in knowledge}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    copies = copies_of(([syndrome.document() for syndrome in knowledge], *forms))
    for syndrome, same in zip(knowledge, copies, strict=True):
        twins = {knowledge[position].doc_id for position in same}
        merged = label_map.merged_with(syndrome.doc_id) if label_map else frozenset[str]()
        for other in sorted(twins | (merged & parent.keys())):
            parent[root(other)] = root(syndrome.doc_id)
    return {name: root(name) for name in parent}


def corpus_of(knowledge: Sequence[Syndrome], label_map: LabelMap | None, *, forms: Forms = ()) -> Corpus:
    """Return the knowledge base as the corpus of a miner."""
    merged = {s.doc_id: label_map.merged_with(s.doc_id) for s in knowledge} if label_map else {}
    return Corpus(tuple(s.doc_id for s in knowledge), tuple(s.document() for s in knowledge), merged, forms)


def positives_of(records: Sequence[Record]) -> tuple[frozenset[str], ...]:
    """Return the labels of each record and of all others of the same text, normalised.

    A document that is right for a text in one record is right for it in every other: it must be no negative there.
    """
    texts = [normalise(record.query()) for record in records]
    right: dict[str, frozenset[str]] = {}
    for text, record in zip(texts, records, strict=True):
        right[text] = right.get(text, frozenset()).union(record.labels)
    return tuple(right[text] for text in texts)


def queries_of(splits: Mapping[str, Sequence[Record]], positives: tuple[frozenset[str], ...]) -> Queries:
    """Return the records of some splits as the queries of a miner.

    Args:
        splits: Split → its records.
        positives: Those of each record, see `positives_of`; a negative that the data gives and that is one is left out.
    """
    named = [(split, record) for split, records in splits.items() for record in records]
    return Queries(
        tuple(f"{split}/{record.record_id}" for split, record in named),
        tuple(record.query() for _, record in named),
        positives,
        tuple(
            tuple(document for document in record.known_negatives() if document not in right)
            for (_, record), right in zip(named, positives, strict=True)
        ),
    )


def _check(split: str, records: Sequence[Record], folder: Folder, *, known: Collection[str]) -> None:
    if not records:
        raise DataError(
            f"{folder.root}: expected records in split {split}, got none. Is the file empty, or does drop_leaks "
            "take them all?"
        )
    for record in records:
        absent = [label for label in record.labels if label not in known]
        if absent:
            raise DataError(
                f"{folder.root}: record {record.record_id}: {', '.join(absent)} not in the knowledge base. Run: "
                "tcmbench data validate"
            )


def _mine(
    variant: Variant,
    splits: Mapping[str, Sequence[Record]],
    folder: Folder,
    *,
    positives: tuple[frozenset[str], ...],
    forms: Forms,
    seed: int,
    context: MiningContext,
) -> Negatives:
    miner = miner_of(variant)
    queries = queries_of(splits, positives)
    corpus = corpus_of(folder.knowledge, folder.label_map, forms=forms)
    negatives: Negatives = miner.module.mine(queries, corpus, options=miner.options, seed=seed, context=context)
    return negatives
