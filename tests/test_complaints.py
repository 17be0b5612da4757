"""What a schema has against an input is said in plain words, with the fields of the table in question."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tcmbench.complaints import complaints, in_one_line
from tcmbench.errors import SpecError
from tcmbench.specs import toml
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.variant import Variant

VARIANT = {"name": "v", "base": "b", "data": "d"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"training": {"batch_siz": 1}}, "training.batch_siz: unknown field. Did you mean 'batch_size'?"),
        ({"negatives": {"zzz": 1}}, "negatives.zzz: unknown field. Known fields: miner, options."),
        ({"seeds": "one"}, "seeds: Input should be a valid list, got 'one'"),
    ],
)
def test_a_mistake_in_a_table_names_that_table_s_fields(given: dict[str, Any], said: str) -> None:
    """Not those of the file."""
    with pytest.raises(SpecError) as caught:
        toml.parse(Variant, {**VARIANT, **given}, where="v.toml")
    assert str(caught.value) == f"v.toml: not a valid variant:\n  {said}"


def test_what_is_wrong_with_a_whole_file_does_not_repeat_it() -> None:
    """The file is in front of its reader."""
    with pytest.raises(SpecError) as caught:
        toml.parse(ModelSet, {"name": "s", "suite": "s", "reference": "bm25", "models": ["a"]}, where="s.toml")
    assert "(file): reference 'bm25' is not among models" in str(caught.value)
    assert ", got {" not in str(caught.value)


def test_many_complaints_are_counted() -> None:
    """One line holds the first of them."""

    class Many(BaseModel, extra="forbid"):
        """Nothing is allowed."""

    with pytest.raises(ValidationError) as caught:
        Many.model_validate({f"f{number}": 1 for number in range(8)})
    assert len(complaints(caught.value, Many)) == 8
    assert in_one_line(caught.value).endswith("f4: unknown field; and 3 more")
    with pytest.raises(ValidationError) as whole:
        Many.model_validate([])
    assert in_one_line(whole.value, whole="the file").startswith("the file: Input should be a valid dictionary")
