"""Promises of the synthetic general-domain tasks."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.synthetic import write_general

if TYPE_CHECKING:
    from pathlib import Path

Line = dict[str, str | float]


def _lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tasks of one seed."""
    folder = tmp_path_factory.mktemp("general-synth")
    write_general(folder, seed=5)
    return folder


def test_every_question_has_exactly_its_passage(root: Path) -> None:
    """At least 300 questions, each judged relevant to one passage and no passage to two."""
    queries = [line["_id"] for line in _lines(root / "qa-retrieval" / "queries.jsonl")]
    corpus = [line["_id"] for line in _lines(root / "qa-retrieval" / "corpus.jsonl")]
    header, *rows = (root / "qa-retrieval" / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == ["query-id", "corpus-id", "score"]
    judged = [row.split("\t") for row in rows]
    assert {row[2] for row in judged} == {"1"}
    assert sorted(row[0] for row in judged) == sorted(queries)
    assert sorted(row[1] for row in judged) == sorted(corpus)
    assert len(set(queries)) == len(queries) >= 300


def test_passages_are_distinct_and_of_paragraph_size(root: Path) -> None:
    """Passages have 60 to 150 characters; questions are distinct too."""
    passages = [str(line["text"]) for line in _lines(root / "qa-retrieval" / "corpus.jsonl")]
    questions = [str(line["text"]) for line in _lines(root / "qa-retrieval" / "queries.jsonl")]
    assert len(set(passages)) == len(passages)
    assert len(set(questions)) == len(questions)
    assert [passage for passage in passages if not 60 <= len(passage) <= 150] == []


def test_sentence_pairs_cover_the_whole_scale(root: Path) -> None:
    """At least 400 pairs of different sentences, with scores from 0 to 5, none of them twice."""
    pairs = _lines(root / "sts.jsonl")
    assert len({(pair["sentence1"], pair["sentence2"]) for pair in pairs}) == len(pairs) >= 400
    assert {tuple(pair) for pair in pairs} == {("sentence1", "sentence2", "score")}
    assert all(pair["sentence1"] != pair["sentence2"] for pair in pairs)
    counts = Counter(float(pair["score"]) for pair in pairs)
    assert set(counts) == {0.0, 0.5, 1.0, 2.0, 3.5, 5.0}
    assert min(counts.values()) >= 50


def test_headlines_are_labelled_alike_in_train_and_test(root: Path) -> None:
    """Enough headlines of at least eight classes, balanced, none in both splits."""
    train = _lines(root / "headlines-classification" / "train.jsonl")
    test = _lines(root / "headlines-classification" / "test.jsonl")
    assert len(train) >= 200
    assert len(test) >= 300
    assert {line["text"] for line in train} & {line["text"] for line in test} == set()
    counts = Counter(line["label"] for line in test)
    assert set(counts) == {line["label"] for line in train}
    assert len(counts) >= 8
    assert max(counts.values()) < 2 * min(counts.values())


def test_statements_to_cluster_come_from_many_fields(root: Path) -> None:
    """Distinct statements of fifteen fields, none of them rare."""
    lines = _lines(root / "clustering.jsonl")
    counts = Counter(line["label"] for line in lines)
    assert len({line["text"] for line in lines}) == len(lines) >= 300
    assert len(counts) == 15
    assert min(counts.values()) >= 20


def test_no_pattern_is_left_unfilled(root: Path) -> None:
    """No text shows a slot or a separator of the authored files."""
    texts = [
        str(value)
        for path in root.rglob("*.jsonl")
        for line in _lines(path)
        for key, value in line.items()
        if key not in {"_id", "label", "score"}
    ]
    assert [text for text in texts if set(text) & set("{}|")] == []


def test_a_lexical_encoder_beats_chance_and_does_not_saturate(root: Path) -> None:
    """Character n-grams find many passages and classify many headlines, and leave room above."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train = _lines(root / "headlines-classification" / "train.jsonl")
    test = _lines(root / "headlines-classification" / "test.jsonl")
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2))
    model = LogisticRegression().fit(
        vectorizer.fit_transform([str(line["text"]) for line in train]), [str(line["label"]) for line in train]
    )
    accuracy = model.score(
        vectorizer.transform([str(line["text"]) for line in test]), [str(line["label"]) for line in test]
    )
    assert 0.3 < accuracy < 0.98

    corpus = _lines(root / "qa-retrieval" / "corpus.jsonl")
    queries = {line["_id"]: str(line["text"]) for line in _lines(root / "qa-retrieval" / "queries.jsonl")}
    rows = (root / "qa-retrieval" / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    gold = dict(row.split("\t")[:2] for row in rows)
    documents = vectorizer.fit_transform([str(line["text"]) for line in corpus])
    best = (vectorizer.transform(queries.values()) @ documents.T).toarray().argmax(axis=1)
    found = sum(corpus[int(place)]["_id"] == gold[str(query)] for query, place in zip(queries, best, strict=True))
    assert 0.3 < found / len(queries) < 0.98
