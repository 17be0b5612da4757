"""Reads the answers of chat models: JSON, JSON lines or a list with numbers or bullets, with words around them.

What is in none of these forms is no answer, and is never guessed from the text.
"""

from __future__ import annotations

import re
from typing import Any

from tcmbench import strict_json

_THOUGHT = re.compile(r"<think>.*?</think>|\A(?:(?!<think>).)*</think>", re.DOTALL)
"""What models think aloud before they answer; some servers cut off its first mark."""

_FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
_ITEM = re.compile(
    r"\s*(?:[(（]\s*\d{1,3}\s*[)）]|\d{1,3}\s*(?:[、．:：)）]|\.(?!\d))|[-*•](?=\s))\s*(?P<text>\S.*?)\s*"
)
_SCORE = re.compile(
    r"\s*(?:(?:评分|得分|分数|score)\s*[:：]?\s*)?(?P<score>\d{1,2})\s*(?:分|/\s*10)?\s*[。.]?\s*", re.IGNORECASE
)
_SEPARATOR = re.compile(r"[\s,，、;；]+")
_QUOTES = "\"'“”‘’「」"
_LONGEST_KEYWORD = 30
_MOST_KEYWORDS = 60
_BEST_SCORE = 10


def queries_in(text: str, *, count: int) -> list[str]:
    """Return the queries of an answer, at most `count`; [] where it has none in a known form."""
    text = _answer(text)
    whole = _json(text)
    queries = _listed(whole) if whole is not None else [query for line in text.split("\n") for query in _of_line(line)]
    return [query for query in queries if query][:count]


def score_in(text: str) -> int | None:
    """Return the score of an answer, from 0 to 10; None where it states none, or one out of range."""
    text = _answer(text)
    value = _json(text)
    if isinstance(value, dict):
        value = value.get("score")
    if value is None and (match := _SCORE.fullmatch(text)):
        value = int(match["score"])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _BEST_SCORE else None


def keywords_in(text: str) -> str:
    """Return the keywords of an answer of one line, separated by blanks; "" for anything else."""
    lines = [line for line in _answer(text).split("\n") if line.strip()]
    if len(lines) != 1:
        return ""
    words = [word for word in _SEPARATOR.split(lines[0].strip().strip("。.")) if word]
    is_list = len(words) <= _MOST_KEYWORDS and all(len(word) <= _LONGEST_KEYWORD for word in words)
    return " ".join(dict.fromkeys(words)) if is_list else ""


def passage_in(text: str) -> str:
    """Return an answer in prose on one line, without what the model thought aloud."""
    return " ".join(_answer(text).split())


def _answer(text: str) -> str:
    return _FENCE.sub("", _THOUGHT.sub("", text)).strip()


def _json(text: str) -> Any:
    """Return the value of a JSON text; None for any other text."""
    try:
        return strict_json.loads(text)
    except (ValueError, RecursionError):
        return None


def _listed(value: Any) -> list[str]:
    """Return the queries of a JSON value: a text, an object with `query` or `queries`, or a list of these."""
    if isinstance(value, list):
        return [query for item in value for query in _listed(item)]
    if isinstance(value, dict):
        return _listed(value.get("query", value.get("queries")))
    return [" ".join(value.split())] if isinstance(value, str) else []


def _of_line(line: str) -> list[str]:
    """Return the queries of one line: JSON, which a comma may follow, or an item of a list."""
    value = _json(line.strip().rstrip(","))
    if isinstance(value, dict | list | str):
        return _listed(value)
    item = _ITEM.fullmatch(line)
    if item is None:
        return []
    value = _json(item["text"])
    return _listed(value) if isinstance(value, dict | list | str) else [" ".join(item["text"].strip(_QUOTES).split())]
