"""Values of fields as they stand in files."""

from __future__ import annotations

import math

import pytest

from tcmbench.data import fields


@pytest.mark.parametrize("value", [None, "", " \n", "None", "null", "NaN", math.nan])
def test_all_that_means_missing_gives_no_text(value: object) -> None:
    """The next name is tried, and "" is what is left."""
    assert fields.text({"a": value, "b": "乙"}, ("a", "b")) == "乙"
    assert fields.text({"a": value}, ("a", "b")) == ""


@pytest.mark.parametrize("value", [3, 1.5, True, ["甲"], {"a": "甲"}])
def test_what_is_no_text_is_refused_without_showing_it(value: object) -> None:
    """The message has the name and the kind, not the value."""
    with pytest.raises(fields.FieldProblem, match=r"^a: expected text, got [a-z]+$"):
        fields.text({"a": value}, ("a",))


@pytest.mark.parametrize(("value", "expected"), [(7, "7"), ("7", "7"), (0, "0"), (None, ""), (" x ", "x")])
def test_identifiers_may_be_whole_numbers(value: object, expected: str) -> None:
    """7 and "7" are one id; 0 is an id."""
    assert expected == fields.identifier({"a": value}, ("a",))


@pytest.mark.parametrize("value", [True, 1.5, [1]])
def test_other_values_are_no_identifiers(value: object) -> None:
    """A fraction or a list is no id."""
    with pytest.raises(fields.FieldProblem):
        fields.identifier({"a": value}, ("a",))
