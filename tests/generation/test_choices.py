"""Which queries are asked for, found again, told apart, and marked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.errors import DataAbsent
from tcmbench.generation import candidates, distinct, retrieved
from tcmbench.generation.marks import generators_of
from tcmbench.generation.sources import Origin
from tcmbench.text.ngrams import char_bigrams
from tests.task_types.folders import write_lines, write_table

if TYPE_CHECKING:
    from pathlib import Path

ORIGINS = [Origin(f"d{n}", f"文{n}", (f"d{n}",)) for n in range(60)]


def ordered(
    per_document: int, *, types: tuple[str, ...] = ("symptoms", "cause"), seed: int = 0
) -> list[candidates.Order]:
    """Return the orders of all texts."""
    return list(
        candidates.orders(ORIGINS, types=types, voices=("patient", "doctor"), per_document=per_document, seed=seed)
    )


@pytest.mark.parametrize("per_document", [1, 3, 4, 9])
def test_each_text_gets_its_number_of_queries(per_document: int) -> None:
    """Over types and voices as evenly as that goes."""
    totals: Counter[str] = Counter()
    for order in ordered(per_document):
        totals[order.origin.text_id] += order.count
        assert order.count in {per_document // 4, per_document // 4 + 1}
    assert set(totals.values()) == {per_document}
    pairs = Counter((order.type, order.voice) for order in ordered(per_document))
    assert len(pairs) == 4


def test_a_further_type_leaves_most_prompts_as_they_are() -> None:
    """So that their answers stay in use; another seed chooses anew."""
    before = {order.prompt for order in ordered(2)}
    after = {order.prompt for order in ordered(2, types=("symptoms", "cause", "treatment"))}
    added = {prompt for prompt in after if "治法" in prompt}
    assert after - before == added
    assert 20 < len(before & after) < 120
    assert before != {order.prompt for order in ordered(2, seed=1)}


@pytest.mark.parametrize(
    ("query", "is_named"),
    [
        ("什么是甲虚证", True), ("什么是 甲 虚 证", True), ("ＡＢ证怎么办", True), ("ab 证怎么办", True),
        ("甲虚怎么办", False), ("乏力怎么办", False),
    ],
)  # fmt: skip
def test_names_are_found_in_any_width_and_spacing(query: str, is_named: bool) -> None:
    """As texts are compared elsewhere, and without blanks."""
    assert candidates.names_any(query, ["甲虚证", "AB证", ""]) is is_named


def brute_force(vectors: np.ndarray, threshold: float) -> list[bool]:
    """Return which vectors are kept, one by one."""
    kept: list[np.ndarray] = []
    is_kept = []
    for vector in vectors:
        is_kept.append(all(float(vector @ other) < threshold for other in kept))
        if is_kept[-1]:
            kept.append(vector)
    return is_kept


def test_near_duplicates_are_those_of_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of any size, and each names the kept vector that it copies."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(200, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = brute_force(vectors, 0.9)
    assert 5 < sum(expected) < 150
    for block in (1, 7, 1024):
        monkeypatch.setattr(distinct, "_BLOCK", block)
        copies = distinct.first_copies(vectors, threshold=0.9)
        assert [copy is None for copy in copies] == expected
        assert all(
            expected[copy] and vectors[n] @ vectors[copy] >= 0.9 for n, copy in enumerate(copies) if copy is not None
        )


def test_equal_vectors_are_duplicates_and_zero_ones_are_not() -> None:
    """A text without a vector is like no other."""
    vectors = np.array([[0.6, 0.8], [0.6, 0.8], [0, 0], [0, 0]], dtype=np.float32)
    assert distinct.first_copies(vectors, threshold=1.0) == [None, 0, None, None]


def test_both_retrievers_rank_as_a_sorted_list_does() -> None:
    """BM25 against bm25s itself, cosines against a sort."""
    import bm25s

    corpus = ["头痛发热恶寒", "心悸失眠多梦", "胁肋胀痛口苦", "腰膝酸软", "头痛"]
    queries, targets = ["头痛", "失眠", "腰痛", "喘"], [[0], [1], [2, 3], [4]]
    index = bm25s.BM25(method="lucene")
    index.index([char_bigrams(text) for text in corpus], show_progress=False)
    for top_k in (1, 2, 5):
        expected = []
        for query, its in zip(queries, targets, strict=True):
            terms = [term for term in char_bigrams(query) if term in index.vocab_dict]
            scores = index.get_scores(terms) if terms else np.zeros(5)
            best = np.argsort(-scores, kind="stable")[:top_k].tolist()
            expected.append(any(scores[n] > 0 for n in its if n in best))
        assert retrieved.by_terms(queries, targets, corpus, top_k=top_k) == expected
    random = np.random.default_rng(1)
    documents, vectors = (random.normal(size=(n, 8)).astype(np.float32) for n in (50, 30))
    gold = [[n, n + 1] for n in range(30)]
    ranks = np.argsort(-(vectors @ documents.T), axis=1)
    found = [bool({*row[:10]} & {*its}) for row, its in zip(ranks.tolist(), gold, strict=True)]
    assert retrieved.by_vectors(vectors, gold, documents, top_k=10) == found
    assert 0 < sum(found) < 30


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv.gz", "a.parquet", "a.jsonl.zst"])
def test_generators_are_found_in_any_format(tmp_path: Path, name: str) -> None:
    """Only of rows that are marked as synthetic."""
    marked = [{"query": "问", "positive": f"答{n}", "synthetic": True, "generator": f"m{n % 2}"} for n in range(5)]
    other = [{"query": "问", "positive": "答", "synthetic": False, "generator": "发电机"}]
    assert generators_of(write_table(tmp_path / name, [*marked, *other])) == ("m0", "m1")
    assert generators_of(write_table(tmp_path / f"b-{name}", [{"query": "问", "positive": "答"}])) == ()
    assert generators_of(write_table(tmp_path / f"c-{name}", other)) == ()


def test_folders_have_no_marks_and_absent_files_are_named(tmp_path: Path) -> None:
    """Rows of people between generated ones are no reason to overlook these."""
    assert generators_of(tmp_path) == ()
    with pytest.raises(DataAbsent):
        generators_of(tmp_path / "a.jsonl")
    rows = [{"query": "q" * 900, "positive": "p"}] * 3000
    mixed = write_lines(
        tmp_path / "m.jsonl", [*rows, {"query": "q", "positive": "p", "synthetic": True, "generator": "m"}]
    )
    assert generators_of(mixed) == ("m",)
