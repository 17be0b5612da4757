"""One JSON object with queries, corpus and relevant documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.formats import Collection, Document, rag_json
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, object] = {
    "queries": {"q": "问"},
    "corpus": {"a": "答", "b": "错"},
    "relevant_docs": {"q": ["a"]},
    "negative_docs": {"q": ["b"]},
    "mode": "text",
}


def written(folder: Path, value: object) -> Path:
    """Return a file of this value."""
    path = folder / "data.json"
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    return path


def test_an_object_is_read(tmp_path: Path) -> None:
    """Other keys are ignored; negatives are judged with 0."""
    expected = Collection({"q": "问"}, {"a": Document("答"), "b": Document("错")}, {"train": {"q": {"a": 1, "b": 0}}})

    assert expected == rag_json.read(written(tmp_path, GOOD))


def test_negatives_may_be_missing(tmp_path: Path) -> None:
    """A data set for evaluation has none."""
    value = {key: part for key, part in GOOD.items() if key != "negative_docs"}

    assert rag_json.read(written(tmp_path, value)).qrels == {"train": {"q": {"a": 1}}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"queries": None}, "queries is missing"),
        ({"corpus": []}, "corpus is not an object"),
        ({"corpus": {"a": 3}}, "corpus a: expected text, got a number"),
        ({"relevant_docs": {"q": ["a", "z"], "p": ["y"]}}, "document z of query q; document y of query p"),
        ({"relevant_docs": {"p": ["a"]}}, "query p"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    """With the file and every unknown id."""
    with pytest.raises(DataError, match=reason) as caught:
        rag_json.read(written(tmp_path, GOOD | change))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("value", [[], "text", 3])
def test_what_is_no_object_is_refused(tmp_path: Path, value: object) -> None:
    """The message says what was expected."""
    with pytest.raises(DataError, match="expected one object with queries, corpus, relevant_docs"):
        rag_json.read(written(tmp_path, value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"queries": {"q": "问\\ud800"}, "corpus": {}, "relevant_docs": {}}', "surrogates not allowed"),
        ('{"queries": ' + '{"a": ' * 100_000, "recursion"),
        ('{"queries": ' + "1" * 5_000 + "}", "integer string"),
        ('{"queries": {"q": "甲", "q": "乙"}, "corpus": {}, "relevant_docs": {}}', "the key 'q' occurs twice"),
    ],
    ids=["half a character", "nested too deeply", "a number of 5,000 digits", "two texts of one query"],
)
def test_json_that_cannot_be_used_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """By file, where Python's own errors would end in a traceback."""
    path = tmp_path / "data.json"
    path.write_text(text, "utf-8")

    with pytest.raises(DataError, match=reason) as caught:
        rag_json.read(path)
    assert str(caught.value).startswith(f"{path}: expected one object with queries, corpus, relevant_docs")
