"""What ms-swift reads, to the letter, and what it would drop in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.formats import TrainingRow, swift, swift_query_response, swift_reranker
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

ROW = TrainingRow("问", ("答",), ("错一", "错二"), system="判断。", score=0.5)


def lines(path: Path) -> list[object]:
    """Return the objects of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_embedding_rows_are_messages_of_users(tmp_path: Path) -> None:
    """Exactly the keys that ms-swift 4.6 takes."""
    path = tmp_path / "train.jsonl"
    swift.write([TrainingRow("问", ("答",), ("错",))], path)

    assert lines(path) == [
        {
            "messages": [{"role": "user", "content": "问"}],
            "positive_messages": [[{"role": "user", "content": "答"}]],
            "negative_messages": [[{"role": "user", "content": "错"}]],
        }
    ]


def test_reranker_rows_answer_as_assistants(tmp_path: Path) -> None:
    """With the instruction as system message and the score as label, where there are any."""
    path = tmp_path / "train.jsonl"
    swift_reranker.write([ROW], path)

    assert lines(path) == [
        {
            "messages": [{"role": "system", "content": "判断。"}, {"role": "user", "content": "问"}],
            "positive_messages": [[{"role": "assistant", "content": "答"}]],
            "negative_messages": [
                [{"role": "assistant", "content": "错一"}],
                [{"role": "assistant", "content": "错二"}],
            ],
            "label": 0.5,
        }
    ]


def test_each_positive_gets_a_line(tmp_path: Path) -> None:
    """ms-swift ignores a second positive."""
    path = tmp_path / "train.jsonl"
    swift.write([TrainingRow("问", ("答一", "答二"))], path)

    assert [row.positives[0] for row in swift.read(path)] == ["答一", "答二"]


@pytest.mark.parametrize("first", [(), ("错",)])
def test_negatives_are_for_all_rows_or_none(tmp_path: Path, first: tuple[str, ...]) -> None:
    """ms-swift drops the rows without, and says nothing."""
    rows = [TrainingRow("问", ("答",), first), TrainingRow("问二", ("答",), () if first else ("错",))]

    with pytest.raises(DataError, match=r"row 2 has .* ms-swift drops"):
        swift.write(rows, tmp_path / "train.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_the_older_form_is_written(tmp_path: Path) -> None:
    """For tools that still take it: one line per positive, all negatives in a list."""
    path = tmp_path / "old.jsonl"
    swift_query_response.write([ROW], path)

    assert lines(path) == [
        {"system": "判断。", "query": "问", "response": "答", "rejected_response": ["错一", "错二"], "label": 0.5}
    ]


@pytest.mark.parametrize("rejected", ["错", ["错"]])
def test_the_older_form_is_read(tmp_path: Path, rejected: object) -> None:
    """query/response/rejected_response, with one rejected response or a list."""
    path = tmp_path / "old.jsonl"
    row = {"query": "问", "response": "答", "rejected_response": rejected, "label": 1.0, "system": "判断。"}
    path.write_text(json.dumps(row, ensure_ascii=False), "utf-8")

    assert [TrainingRow("问", ("答",), ("错",), score=1.0, system="判断。")] == list(swift.read(path))
