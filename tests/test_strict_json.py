"""No key of an object stands twice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.strict_json import DECODER, DuplicateKey, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_other_json_is_read_as_by_python(value: object) -> None:
    """The rule changes nothing else."""
    text = json.dumps(value)
    assert loads(text) == value == DECODER.decode(text)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '[{"b": {"a": 1, "c": 0, "a": 1}}]', '{"a": 1, "\\u0061": 1}'])
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    """At any depth, with equal values too, and however it is escaped."""
    for read in (loads, DECODER.decode, lambda text: loads(text.encode())):
        with pytest.raises(DuplicateKey, match="the key 'a' occurs twice"):
            read(text)
