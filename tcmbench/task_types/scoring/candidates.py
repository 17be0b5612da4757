"""Candidate pools of reranking tasks: the same for every model, made once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from tcmbench import strict_json
from tcmbench.store import Json, Store, key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder

Candidates = dict[str, list[str]]

# 证 (syndrome) ends nearly every name and carries no information.
_ENDINGS = "证候"


def candidate_pools(
    folder: Folder, split: str, *, confusable: int, bm25: int, revision: str, cache: Path
) -> Candidates:
    """Return record id → candidate syndromes: gold, easily confused, then BM25's best; sorted by name.

    Sorted, so that their order doesn't give the gold away.
    """

    def make() -> Candidates:
        from tcmbench.encoders.bm25 import build_index, term_scores, tokenizer

        records = folder.splits[split]
        names = [syndrome.doc_id for syndrome in folder.knowledge]
        closest = _confusable_order(folder)
        tokenize = tokenizer("char_bigrams")
        index = build_index([tokenize(syndrome.document()) for syndrome in folder.knowledge])
        pools: Candidates = {}
        for record in records:
            pool = dict.fromkeys(record.labels)
            for place in range(confusable):
                for label in record.labels:
                    if len(pool) < len(record.labels) + confusable and place < len(closest[label]):
                        pool.setdefault(closest[label][place])
            scores = term_scores(index, tokenize(record.query()), documents=len(names))
            wanted = len(pool) + bm25
            for i in sorted(range(len(names)), key=lambda i: (-scores[i], names[i])):
                if len(pool) >= wanted:
                    break
                pool.setdefault(names[i])
            pools[record.record_id] = sorted(pool)
        return pools

    value: dict[str, Json] = {"split": split, "revision": revision, "confusable": confusable, "bm25": bm25}
    return _stored(key("candidates-1", value), make, cache=cache)


def first_stage(
    queries: Mapping[str, str],
    documents: Mapping[str, str],
    *,
    tokens: Literal["char_bigrams", "words"],
    depth: int,
    revision: str,
    split: str,
    cache: Path,
) -> Candidates:
    """Return query id → the `depth` best documents of BM25; sorted by id, as in `candidate_pools`."""

    def make() -> Candidates:
        from tcmbench.encoders.bm25 import build_index, term_scores, tokenizer

        tokenize = tokenizer(tokens)
        names = list(documents)
        index = build_index([tokenize(text) for text in documents.values()])
        candidates: Candidates = {}
        for query, text in queries.items():
            scores = term_scores(index, tokenize(text), documents=len(names))
            best = sorted(range(len(names)), key=lambda i: (-scores[i], names[i]))[:depth]
            candidates[query] = sorted(names[i] for i in best)
        return candidates

    value: dict[str, Json] = {"split": split, "revision": revision, "tokens": tokens, "depth": depth}
    return _stored(key("first-stage-1", value), make, cache=cache)


def _confusable_order(folder: Folder) -> dict[str, list[str]]:
    """Return syndrome → others, the most easily confused first.

    Similar are syndromes that the official map merges, that share characters of their names (their elements: organ and
    pathogen), and that occur with the same diseases. Ties are broken by name.
    """
    elements = {s.doc_id: frozenset(s.name.rstrip(_ENDINGS)) for s in folder.knowledge}
    diseases = {s.doc_id: _disease_names(s.definition) for s in folder.knowledge}
    merged = {name: folder.label_map.merged_with(name) if folder.label_map else frozenset({name}) for name in elements}

    def closeness(a: str, b: str) -> float:
        shared = len(elements[a] & elements[b]) / max(1, len(elements[a] | elements[b]))
        return shared + 1.0 * (b in merged[a]) + 0.3 * bool(diseases[a] & diseases[b])

    return {
        name: sorted((other for other in elements if other != name), key=lambda o: (-closeness(name, o), o))[:64]
        for name in {label for records in folder.splits.values() for record in records for label in record.labels}
    }


def _disease_names(definition: str) -> frozenset[str]:
    """Return the diseases that a definition names (常见于…等疾病)."""
    _, marker, rest = definition.partition("常见于")
    if not marker:
        return frozenset()
    listed = rest.partition("等")[0]
    return frozenset(part for part in listed.replace("，", "、").split("、") if part)


def _stored(name: str, make: Callable[[], Candidates], *, cache: Path) -> Candidates:
    """Return the candidates of the store, made first where they are missing or damaged."""
    store = Store(cache)
    path = store.path("candidates", name) / "candidates.json"
    with store.lock("candidates", name):
        if not store.has("candidates", name):
            with store.build("candidates", name) as part:
                (part / path.name).write_text(json.dumps(make(), ensure_ascii=False, sort_keys=True), encoding="utf-8")
        stored: Candidates = strict_json.loads(path.read_bytes())
    return stored
