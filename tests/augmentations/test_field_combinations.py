"""Combinations of fields."""

from __future__ import annotations

import pytest

from tcmbench.augmentations import field_combinations
from tcmbench.data.tcm_sd import Syndrome
from tcmbench.errors import DataError


def test_eleven_combinations_the_whole_last(syndrome: Syndrome) -> None:
    """Six pairs, four triples and the whole document, all different."""
    texts = field_combinations.texts(syndrome, options=field_combinations.Options(), seed=0)
    assert len(set(texts)) == 11
    assert [text.count("\n") + 1 for text in texts if text] == [2] * 6 + [3] * 4 + [4]
    assert texts[0] == f"名称：甲证。\n定义：{syndrome.definition}"
    assert texts[-1] == syndrome.document()


def test_missing_field_is_an_error_by_default(incomplete: Syndrome) -> None:
    """The message names the syndrome, the field and the two ways out."""
    with pytest.raises(DataError, match=r'乙证.*no manifestations.*missing = "exclude"'):
        field_combinations.texts(incomplete, options=field_combinations.Options(), seed=0)


def test_excluded_views_keep_their_place(incomplete: Syndrome) -> None:
    """Views that need a missing field are None, so view k means the same for every document."""
    options = field_combinations.Options(missing="exclude")
    texts = field_combinations.texts(incomplete, options=options, seed=0)
    assert texts == (incomplete.document(), *[None] * 10)


def test_fields_that_take_part_can_be_named(incomplete: Syndrome) -> None:
    """With two fields there is one combination."""
    options = field_combinations.Options(fields=("name", "definition"))
    assert field_combinations.texts(incomplete, options=options, seed=0) == (incomplete.document(),)


def test_repeated_fields_are_refused() -> None:
    """The same field twice is a mistake."""
    with pytest.raises(ValueError, match="fields must differ"):
        field_combinations.Options(fields=("name", "name"))


def test_named_combinations_take_the_place_of_all(syndrome: Syndrome) -> None:
    """In their order, single fields too; `fields` beside them would have no effect."""
    named = (("definition",), ("name", "diseases"))
    texts = field_combinations.texts(syndrome, options=field_combinations.Options(combinations=named), seed=0)
    assert texts == tuple(syndrome.document(fields) for fields in named)
    with pytest.raises(ValueError, match="no effect beside combinations"):
        field_combinations.Options(combinations=named, fields=("name", "definition"))


@pytest.mark.parametrize("named", [((),), (("name", "name"),), (("name",), ("name",))])
def test_combinations_that_repeat_or_are_empty_are_refused(named: tuple[tuple[str, ...], ...]) -> None:
    """Each of them is a mistake."""
    with pytest.raises(ValueError, match="differ from one another"):
        field_combinations.Options.model_validate({"combinations": named})
