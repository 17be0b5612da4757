"""A chat model's judgement of how well a document answers a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.generation.parsing import score_in
from tcmbench.generation.templates import judge_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.generation.chat import Chat

LEAST_SCORE = 7
"""Score, of 10, from which a query is kept."""


def scores(
    judge: Chat, pairs: Sequence[tuple[str, str]], *, watch: Callable[[int, int], None] | None = None
) -> list[int | None]:
    """Return a score from 0 to 10 for each query and document; None where the answer states none.

    Raises:
        ModelAbsent, EvaluationError: As `Chat.answers`.
    """
    answers = judge.answers([judge_prompt(query, text) for query, text in pairs], watch=watch)
    return [score_in(answer.text) if answer.ending == "whole" else None for answer in answers]
