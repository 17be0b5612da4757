"""Permutations inside fields."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.augmentations import zone_permutations
from tcmbench.data.tcm_sd import Syndrome
from tcmbench.errors import DataError


def test_variants_differ_from_the_document_and_each_other(syndrome: Syndrome) -> None:
    """N different texts of the same characters, none of them the document."""
    options = zone_permutations.Options(count=6)
    texts = zone_permutations.texts(syndrome, options=options, seed=0)
    assert len({*texts, syndrome.document()}) == 7
    assert {frozenset(Counter(text).items()) for text in texts if text} == {
        frozenset(Counter(syndrome.document()).items())
    }


def test_seed_decides(syndrome: Syndrome) -> None:
    """The same seed gives the same variants, another one others."""
    options = zone_permutations.Options()
    first, again, other = (zone_permutations.texts(syndrome, options=options, seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_too_few_clauses_give_none(syndrome: Syndrome) -> None:
    """Two clauses have one other order; the rest of the variants is excluded."""
    short = dataclasses.replace(syndrome, manifestations="神疲，乏力。", definition="甲气不足。")
    texts = zone_permutations.texts(short, options=zone_permutations.Options(), seed=0)
    assert [text for text in texts if text] == [short.document().replace("神疲，乏力。", "乏力，神疲。")]
    assert len(texts) == 4


def test_missing_zone_is_an_error_by_default(incomplete: Syndrome) -> None:
    """Or the zones that are there are permuted."""
    with pytest.raises(DataError, match="no manifestations"):
        zone_permutations.texts(incomplete, options=zone_permutations.Options(), seed=0)
    options = zone_permutations.Options(missing="exclude")
    assert zone_permutations.texts(incomplete, options=options, seed=0) == (None,) * 4


@given(text=st.text("甲乙，。；\n", max_size=20), seed=st.integers(0, 9))
def test_punctuation_stays_and_nothing_is_lost(text: str, seed: int) -> None:
    """Any zone keeps its characters, its length and its punctuation."""
    syndrome = Syndrome("丙证", "丙证", "定", text, "")
    options = zone_permutations.Options(missing="exclude", sentences=())
    for variant in zone_permutations.texts(syndrome, options=options, seed=seed):
        if variant is not None:
            assert Counter(syndrome.document()) == Counter(variant)
            assert [c for c in variant if c in "，。；\n"] == [c for c in syndrome.document() if c in "，。；\n"]
