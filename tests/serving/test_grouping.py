"""Texts of unlike length are computed apart where that costs less than the padding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.serving import grouping
from tcmbench.serving.grouping import groups, measured_call


def cost(lengths: np.ndarray, parts: list[slice], call_tokens: float) -> float:
    """Return the tokens that are computed, calls included."""
    return sum(call_tokens + float(lengths[part][0]) * len(lengths[part]) for part in parts)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.floats(0, 5000))
def test_groups_cover_the_texts_and_never_cost_more_than_one(lengths: list[int], call_tokens: float) -> None:
    """In order, each text once; the whole in one call is the most that it costs."""
    ordered = np.array(sorted(lengths, reverse=True))
    parts = groups(ordered, call_tokens=call_tokens)
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(len(lengths)))
    whole = cost(ordered, [slice(0, len(lengths))], call_tokens)
    assert cost(ordered, parts, call_tokens) <= whole + 1e-6


@pytest.mark.parametrize(
    ("call_tokens", "expected"), [(0.0, [2, 1, 3]), (20.0, [3, 3]), (1000.0, [6]), (math.inf, [6])]
)
def test_the_cost_of_a_call_decides(call_tokens: float, expected: list[int]) -> None:
    """A jump of the lengths is worth a call where calls are cheap."""
    parts = groups(np.array([60, 60, 55, 10, 10, 10]), call_tokens=call_tokens)
    assert [part.stop - part.start for part in parts] == expected


@pytest.mark.parametrize(("per_call", "per_token", "expected"), [(4.0, 0.1, 40), (0.0, 0.1, 0), (4.0, 0.0, math.inf)])
def test_a_call_is_measured_in_tokens(
    monkeypatch: pytest.MonkeyPatch, per_call: float, per_token: float, expected: float
) -> None:
    """Time of a call over time of a token; where tokens cost nothing measurable, nothing is ever split."""
    now = 0.0

    def compute(text: str) -> int:
        nonlocal now
        now += per_call + per_token * len(text)
        return len(text)

    monkeypatch.setattr(grouping.time, "perf_counter", lambda: now)
    assert measured_call(compute) == pytest.approx(expected)


def test_a_model_that_reads_few_tokens_is_never_split() -> None:
    """A text that is cut to the length of a short one measures nothing."""
    assert measured_call(lambda _: 2) == math.inf
