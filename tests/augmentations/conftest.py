"""Syndromes in our own words."""

from __future__ import annotations

import pytest

from tcmbench.data.tcm_sd import Syndrome


@pytest.fixture
def syndrome() -> Syndrome:
    """An entry with all four fields."""
    return Syndrome("甲证", "甲证", "甲气不足所致；多见于久病。", "神疲，乏力，少言；舌淡，脉弱。", "虚劳，心悸")


@pytest.fixture
def incomplete() -> Syndrome:
    """An entry without manifestations and diseases."""
    return Syndrome("乙证", "乙证", "乙气郁滞所致。", "", "")
