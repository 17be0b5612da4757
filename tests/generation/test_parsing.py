"""Answers of chat models in the forms that they come in; anything else is no answer."""

from __future__ import annotations

import pytest

from tcmbench.generation.parsing import keywords_in, passage_in, queries_in, score_in


@pytest.mark.parametrize(
    "text",
    [
        '{"query": "甲"}\n{"query": "乙"}',
        '```json\n{"query": "甲"}\n{"query": "乙"}\n```',
        '[{"query": "甲"}, {"query": "乙"}]',
        '["甲", "乙"]',
        '{"queries": ["甲", "乙"]}',
        '好的，问题如下：\n{"query": "甲"},\n{"query": "乙"}\n希望有帮助。',
        "1. 甲\n2. 乙",
        "以下是问题：\n\n1、甲\n2、“乙”",
        "(1) 甲\n（2）乙",
        "- 甲\n- 乙",
        '1. {"query": "甲"}\n2. {"query": "乙"}',
        '<think>1. 先想一想\n2. 再想</think>\n{"query": "甲"}\n{"query": "乙"}',
        "1. 先想\n</think>\n1. 甲\n2. 乙",
        '{"query": " 甲 "}\n{"query": ""}\n{"query": "乙"}\n{"query": "丙"}',
    ],
)
def test_queries_are_read(text: str) -> None:
    """As many as were asked for."""
    assert queries_in(text, count=2) == ["甲", "乙"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "抱歉，我无法回答。",
        "甲\n乙",
        "3.5天前开始",
        '{"query": 3}',
        '{"query": "甲", "query": "乙"}',
        "{}",
        "null",
        "7",
    ],
)
def test_other_answers_have_none(text: str) -> None:
    """They are counted, not guessed."""
    assert queries_in(text, count=3) == []


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"score": 8}', 8), ('{"score": 8.0}', 8), ("8", 8), ("8分", 8), ("评分：8/10", 8), ("10", 10), ("0", 0),
        ("<think>是7还是9</think>8", 8), ('```json\n{"score": 8}\n```', 8),
        ("11", None), ("-1", None), ('{"score": 7.5}', None), ('{"score": "8"}', None), ('{"score": true}', None),
        ("大概8分吧", None), ("", None), ("[8]", None),
    ],
)  # fmt: skip
def test_scores_are_read(text: str, score: int | None) -> None:
    """A number from 0 to 10, and nothing that needs interpretation."""
    assert score_in(text) == score


def test_keywords_are_one_line() -> None:
    """With any separators; prose is none."""
    assert keywords_in("咳嗽、痰黄，发热 咳嗽\n") == "咳嗽 痰黄 发热"
    assert keywords_in("关键词如下：\n咳嗽") == ""
    assert keywords_in("证" * 31) == ""
    assert keywords_in("") == ""


def test_passages_are_prose_without_thoughts() -> None:
    """On one line."""
    assert passage_in("<think>嗯</think>\n咳嗽\n三日。") == "咳嗽 三日。"
