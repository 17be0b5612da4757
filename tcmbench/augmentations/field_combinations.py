"""Documents with subsets of their fields: 11 combinations of two or more of four, or those that are named.

A model trained on whole entries only relies on the name; one trained on all combinations has to use the other fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from tcmbench.augmentations import FieldOptions, render
from tcmbench.data.tcm_sd import EntryField
from tcmbench.specs.views import combinations

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Syndrome

REVISION = "1"


class Options(FieldOptions):
    """The fields that are used, or the combinations."""

    combinations: tuple[tuple[EntryField, ...], ...] | None = Field(default=None, min_length=1)
    """Combinations, in place of every one of two or more of `fields`; one field alone is a combination too."""

    @model_validator(mode="after")
    def _combinations_are_distinct(self) -> Options:
        if self.combinations is None:
            return self
        if "fields" in self.model_fields_set:
            raise ValueError("fields have no effect beside combinations: leave one of the two out")
        for combination in self.combinations:
            if not combination or len(set(combination)) != len(combination):
                raise ValueError(f"combinations: expected fields that differ from one another, got {list(combination)}")
        if len(set(self.combinations)) != len(self.combinations):
            raise ValueError("combinations must differ from one another")
        return self


def texts(syndrome: Syndrome, *, options: Options, seed: int) -> tuple[str | None, ...]:
    """Return the document with every combination of two or more fields, the whole one last, or as they are named.

    Raises:
        DataError: The document lacks a field and `missing` is "error".
    """
    chosen = combinations(options.fields) if options.combinations is None else options.combinations
    return tuple(render(syndrome, fields, options=options) for fields in chosen)
