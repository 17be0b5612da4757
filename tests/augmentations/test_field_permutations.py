"""Permutations of fields."""

from __future__ import annotations

import pytest

from tcmbench.augmentations import field_permutations
from tcmbench.data.tcm_sd import Syndrome
from tcmbench.errors import DataError


def test_twenty_four_orders_the_usual_first(syndrome: Syndrome) -> None:
    """All are different, hold the same lines, and the first is the document."""
    texts = field_permutations.texts(syndrome, options=field_permutations.Options(), seed=0)
    assert len(set(texts)) == 24
    assert {frozenset(text.split("\n")) for text in texts if text} == {frozenset(syndrome.document().split("\n"))}
    assert texts[0] == syndrome.document()


def test_missing_field_is_an_error_or_excludes_all(incomplete: Syndrome) -> None:
    """Every order needs every field."""
    with pytest.raises(DataError, match="no manifestations and no diseases"):
        field_permutations.texts(incomplete, options=field_permutations.Options(), seed=0)
    options = field_permutations.Options(missing="exclude")
    assert field_permutations.texts(incomplete, options=options, seed=0) == (None,) * 24


def test_three_fields_have_six_orders(syndrome: Syndrome) -> None:
    """A knowledge base without diseases names the other three."""
    options = field_permutations.Options(fields=("name", "definition", "manifestations"))
    assert len(set(field_permutations.texts(syndrome, options=options, seed=0))) == 6


def test_count_limits_the_orders_the_usual_first(syndrome: Syndrome) -> None:
    """The first five of four fields all begin with the name; more than there are is all of them."""
    every = field_permutations.texts(syndrome, options=field_permutations.Options(), seed=0)
    first = field_permutations.texts(syndrome, options=field_permutations.Options(count=5), seed=0)
    assert first == every[:5]
    assert all(text is not None and text.startswith("名称：") for text in first)
    assert field_permutations.texts(syndrome, options=field_permutations.Options(count=100), seed=0) == every
