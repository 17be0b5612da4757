"""Negatives that are right answers of their batch, streamed and over several sources; scores that would be lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.errors import BadLines
from tcmbench.specs.variant import Variant
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import resolve
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from tcmbench.trainsets.train_set import TrainSet
    from tcmbench.workspace import Workspace

SIZE = 8


def _variant(sources: list[dict[str, Any]], **fields: Any) -> Variant:
    training = {"batch_size": SIZE, "learning_rate": 2e-2, "max_length": 64, **fields.pop("training", {})}
    return Variant.model_validate({
        "name": "safe", "base": "mini-zh-static", "trainer": "sentence_transformers", "training": training,
        "data": sources, **fields,
    })  # fmt: skip


def _made(place: Workspace, variant: Variant) -> TrainSet:
    return tune.training_set(place, resolve(place, variant), seed=0)


def _blocks(made: TrainSet) -> list[list[dict[str, Any]]]:
    lines = [json.loads(line) for line in made.train.read_text(encoding="utf-8").splitlines()]
    return [lines[start : start + SIZE] for start in range(0, len(lines), SIZE)]


def _conflicts(made: TrainSet) -> int:
    """Return how many negatives are the positive of an example of their batch."""
    found = 0
    for block in _blocks(made):
        answers = {line["positive_messages"][0][0]["content"] for line in block}
        found += sum(messages[0]["content"] in answers for line in block for messages in line["negative_messages"])
    return found


def _few_documents(place: Workspace, name: str, *, queries: str = "问") -> None:
    rows: list[dict[str, object]] = [
        {"query": f"{queries}{n}", "positive": f"答{n % 20}", "negative": f"答{(n + 1) % 20}"} for n in range(120)
    ]
    write_table(place.data_root / name, rows)


def _said(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("miner", ["random", "given"])
def test_streamed_negatives_are_no_answers_of_their_batch(place: Workspace, miner: str) -> None:
    """With 20 documents, and 8 of them in a batch, other rows' documents often are; given ones are replaced."""
    _few_documents(place, "few.jsonl")
    source = {"path": "few.jsonl", "streamed": True}
    made = _made(place, _variant([source], negatives={"miner": miner, "options": {"count": 1}}))
    assert _conflicts(made) == made.statistics.negatives_in_conflict == 0
    assert (made.statistics.negatives_replaced > 0) == (miner == "given")
    assert made.statistics.negatives_filled == 0
    plain = _variant([source], negatives={"miner": miner, "options": {"count": 1}}, batch_rule="plain")
    assert _conflicts(_made(place, plain)) > 0


def test_streamed_negatives_without_another_document_are_counted(place: Workspace) -> None:
    """Eight documents fill the batch: every negative is another example's answer, and the statistics say so."""
    rows: list[dict[str, object]] = [{"query": f"问{n}", "positive": f"答{n % SIZE}"} for n in range(80)]
    write_table(place.data_root / "few.jsonl", rows)
    negatives = {"miner": "random", "options": {"count": 1}}
    made = _made(place, _variant([{"path": "few.jsonl", "streamed": True}], negatives=negatives))
    assert _conflicts(made) == made.statistics.negatives_in_conflict == made.statistics.lines > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_negatives_of_a_source_are_no_answers_of_another(place: Workspace, streamed: bool) -> None:
    """Two tables over the same documents: a negative that the other table's example asks for is replaced."""
    _few_documents(place, "one.jsonl")
    _few_documents(place, "two.jsonl", queries="另问")
    sources = [{"path": name, "share": 0.5, "streamed": streamed} for name in ("one.jsonl", "two.jsonl")]
    negatives = {"miner": "random", "options": {"count": 1}}
    made = _made(place, _variant(sources, mixing={"batches": "mixed"}, negatives=negatives))
    assert _conflicts(made) == made.statistics.negatives_in_conflict
    assert made.statistics.negatives_replaced > 0
    assert made.statistics.negatives_in_conflict < made.statistics.lines / 20


def test_a_query_of_two_sources_is_in_no_batch_twice(place: Workspace) -> None:
    """Each source's answer would be a negative of the other's example."""
    for name, answer in (("one.jsonl", "甲"), ("two.jsonl", "乙")):
        rows: list[dict[str, object]] = [{"query": f"问{n}", "positive": f"{answer}{n}"} for n in range(40)]
        write_table(place.data_root / name, rows)
    sources = [{"path": "one.jsonl", "share": 0.5}, {"path": "two.jsonl", "share": 0.5, "prompt": "请答："}]
    made = _made(place, _variant(sources, mixing={"batches": "mixed"}))
    assert made.statistics.lines > SIZE
    for block in _blocks(made):
        queries = {line["messages"][-1]["content"].removeprefix("请答：") for line in block}
        assert len(queries) == SIZE


def test_the_role_of_a_source_is_part_of_the_key(place: Workspace) -> None:
    """The dev split is that of a source with role train, so another one is another model."""
    names = set()
    for roles in (("train", "replay"), ("replay", "train")):
        for name in ("one.jsonl", "two.jsonl"):
            _few_documents(place, name, queries=name)
        sources = [{"path": name, "role": role} for name, role in zip(("one.jsonl", "two.jsonl"), roles, strict=True)]
        names.add(tune.model_key(place, resolve(place, _variant(sources)), seed=0))
    assert len(names) == 2


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("name", "right", "lost", "said"),
    [
        (
            "pairs.jsonl",
            {
                "messages": [{"role": "user", "content": "问"}],
                "positive_messages": [[{"role": "user", "content": "答"}]],
            },
            {"label": 0.0},
            "label 0",
        ),
        (
            "chat.jsonl",
            {"messages": [_said("问")], "positive_messages": [[_said("答")]]},
            {"messages": [{"role": "system", "content": "请检索"}, _said("问")]},
            "a system message",
        ),
        ("judged.jsonl", {"query": "问", "doc": "答", "rel": 1}, {"rel": 0.2}, "rel 0.2"),
        ("weighted.jsonl", {"query": "问", "doc": "答", "rel": 1}, {"weight": 0.0}, "weight 0"),
    ],
)
def test_nothing_of_a_row_is_dropped(
    place: Workspace, name: str, right: dict[str, Any], lost: dict[str, Any], said: str, streamed: bool
) -> None:
    """Without its score a wrong pair would be trained as a right one: refused by file and line."""
    write_table(place.data_root / name, [right, {**right, **lost}])
    with pytest.raises(BadLines, match=rf"{name}:\d: expected a query and its answers alone, got {said}(?s:.*)scored"):
        _made(place, _variant([{"path": name, "streamed": streamed}], training={"batch_size": 2}))
