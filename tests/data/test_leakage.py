"""What training shares with evaluation is found, counted, and dropped on request."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.data.formats import TrainingRow
from tcmbench.data.leakage import (
    EvaluationTexts,
    Leak,
    Match,
    SharedPatients,
    find_leaks,
    texts_of_folder,
)
from tcmbench.data.tcm_sd import read_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = "晨起头昏，动则气短，纳谷不香，夜寐多梦，小便清长，大便溏薄，腰酸膝软，畏寒肢冷，面色少华，自汗。"
NEAR = LONG.replace("自汗", "盗汗")
ROWS = [
    TrainingRow(LONG, ("丙文",), query_id="copy"),
    TrainingRow(NEAR, ("丙文",), query_id="near"),
    TrainingRow("完全不同的一句话，无关诊疗。", ("丁文",), negatives=(LONG,), query_id="clean"),
    TrainingRow("另一句毫不相干的话，谈天气。", (LONG,), query_id="positive"),
]


def leak_of(leaks: tuple[Leak, ...], side: str) -> Leak:
    """Return the leak of one side."""
    (found,) = (leak for leak in leaks if leak.side == side)
    return found


def test_copies_and_near_copies_are_told_apart() -> None:
    """Each row is counted once, by its most alike text; negatives are no leak."""
    report = find_leaks(ROWS, [EvaluationTexts("task", "queries", {"q1": LONG, "q2": "闲话。"})])
    query, positive = leak_of(report.leaks, "query"), leak_of(report.leaks, "positive")

    assert (query.exact, query.near, query.texts, query.of_texts) == (1, 1, 1, 2)
    assert (positive.exact, positive.near) == (1, 0)
    assert report.leaking_rows == (0, 1, 3)
    assert Match("copy", "q1", 1.0) == query.examples[0]
    assert query.examples[1][:2] == ("near", "q1")


def without_leaks(rows: list[TrainingRow], texts: list[EvaluationTexts]) -> list[TrainingRow]:
    """Return the rows that don't leak."""
    leaking = find_leaks(rows, texts).leaking_rows
    return [row for number, row in enumerate(rows) if number not in leaking]


def test_leaking_rows_are_dropped() -> None:
    """What is left has nothing in common with the task, in the old order."""
    texts = [EvaluationTexts("task", "queries", {"q1": LONG})]
    kept = without_leaks(ROWS, texts)

    assert [row.query_id for row in kept] == ["clean"]
    assert find_leaks(kept, texts).leaking_rows == ()


def test_documents_that_may_be_learnt_are_shown_and_kept() -> None:
    """The knowledge base is searched and learnt alike."""
    report = find_leaks(ROWS, [EvaluationTexts("task", "documents", {"d": LONG}, may_be_learnt=True)])

    assert leak_of(report.leaks, "positive").exact == 1
    assert report.leaking_rows == ()
    assert str(report.summary()) == "none of 4 training rows is in an evaluation text"


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [
        ((), "none of 4 training rows is in an evaluation text"),
        (("A", "B"), "none of 4 training rows is in an evaluation text; not looked into: A, B"),
        (tuple("ABCDEF"), "none of 4 training rows is in an evaluation text; not looked into: A, B, C, D and 2 more"),
    ],
)
def test_the_summary_names_what_was_not_looked_into(unseen: tuple[str, ...], expected: str) -> None:
    """It claims nothing about tasks whose texts aren't here, and names the first of them."""
    report = find_leaks(ROWS, [EvaluationTexts("task", "queries", {"q": "闲话。"})])

    assert expected == str(replace(report, not_looked_into=unseen).summary())


def test_a_report_on_nothing_says_so() -> None:
    """Where no task's texts are here, no row is called clean."""
    report = replace(find_leaks(ROWS, []), not_looked_into=("A",))

    assert str(report.summary()) == "no evaluation text was looked into; not looked into: A"


def test_patients_of_the_evaluation_leak() -> None:
    """Another record of a tested patient is dropped too; rows without a patient share none."""
    texts = EvaluationTexts("task", "queries", {"q": "闲话。"}, frozenset({"p1", "p9"}))
    report = find_leaks(ROWS, [texts], patients=["p1", "", "p2", "p1"])

    assert (SharedPatients("task", "queries", 1, 2, ("p1",)),) == report.patients
    assert report.leaking_rows == (0, 3)
    assert str(report.summary()) == "2 of 4 training rows leak into task"
    assert report.summary().sentence("zh") == "4 条训练数据中有 2 条泄漏到 task"


def test_every_copy_of_a_row_is_counted() -> None:
    """A row that occurs three times in the file leaks three times."""
    rows = [TrainingRow(NEAR, ("甲",)), TrainingRow(f"{NEAR}！", ("甲",)), TrainingRow(NEAR, ("甲",))]
    report = find_leaks(rows, [EvaluationTexts("task", "pairs", {"a": LONG, "b": f"{LONG}？"})])
    query = leak_of(report.leaks, "query")

    assert (query.exact, query.near, query.texts) == (0, 3, 2)
    assert report.leaking_rows == (0, 1, 2)


def test_the_report_is_json() -> None:
    """It survives being written and read."""
    value = find_leaks(ROWS, [EvaluationTexts("task", "queries", {"q1": LONG})]).to_json()

    assert value == json.loads(json.dumps(value, allow_nan=False))
    assert value["leaking_rows"] == [0, 1, 3]


@pytest.mark.parametrize("rows", [[], [TrainingRow("甲乙丙", ("丁",))]])
def test_nothing_shared_gives_an_empty_report(rows: list[TrainingRow]) -> None:
    """No rows, or no common text, is no error."""
    report = find_leaks(rows, [EvaluationTexts("task", "queries", {})])

    assert (report.leaking_rows, report.leaks[0].exact, report.leaks[0].near) == ((), 0, 0)


@given(
    train=st.lists(st.text("甲乙丙", min_size=1, max_size=8), max_size=8),
    test=st.lists(st.text("甲乙丙", min_size=1, max_size=8), max_size=8),
)
@settings(max_examples=30)
def test_what_is_kept_never_leaks(train: list[str], test: list[str]) -> None:
    """After dropping, no query is left that the evaluation holds."""
    rows = [TrainingRow(text, ("答",)) for text in train]
    texts = [EvaluationTexts("task", "queries", dict(enumerate_texts(test)))]
    kept = without_leaks(rows, texts)

    assert not {row.query for row in kept} & set(test)
    assert find_leaks(kept, texts).leaking_rows == ()


def enumerate_texts(texts: list[str]) -> list[tuple[str, str]]:
    """Return texts with made-up ids."""
    return [(f"q{number}", text) for number, text in enumerate(texts)]


def test_planted_copies_are_found_among_thousands() -> None:
    """One training row in a hundred is an edited copy of a test text, and no other is reported."""
    rng = random.Random(5)
    alphabet = [chr(0x4E00 + n) for n in range(800)]
    test = {f"t{n}": "".join(rng.choices(alphabet, k=120)) for n in range(300)}
    train = ["".join(rng.choices(alphabet, k=120)) for _ in range(3000)]
    planted = dict(zip(range(0, 3000, 100), test.values(), strict=False))
    for position, text in planted.items():
        train[position] = f"{text[:50]}〇〇{text[52:]}"
    report = find_leaks([TrainingRow(t, ("答",)) for t in train], [EvaluationTexts("task", "queries", test)])

    assert tuple(planted) == report.leaking_rows


def test_texts_of_a_folder_are_its_queries_and_open_documents(
    make_folder: Callable[..., Path], make_record: Callable[..., dict[str, object]]
) -> None:
    """Queries come with their patients; the knowledge base may be learnt."""
    folder = read_folder(make_folder({"train": [make_record(1)], "test": [make_record(2), make_record(3)]}))
    queries, documents = texts_of_folder("task", folder, ["test"])

    assert list(queries.texts) == ["test/p2", "test/p3"]
    assert (frozenset({"p2", "p3"}), False) == (queries.patients, queries.may_be_learnt)
    assert (len(documents.texts), documents.may_be_learnt) == (3, True)
