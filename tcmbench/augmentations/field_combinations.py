"""Documents with subsets of their fields: 11 combinations of two or more of four.

A model trained on whole entries only relies on the name; one trained on all combinations has to use the other fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.augmentations import FieldOptions, render
from tcmbench.specs.views import combinations

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Syndrome

REVISION = "1"


class Options(FieldOptions):
    """The fields that are used."""


def texts(syndrome: Syndrome, *, options: Options, seed: int) -> tuple[str | None, ...]:
    """Return the document with every combination of two or more fields, the whole one last.

    Raises:
        DataError: The document lacks a field and `missing` is "error".
    """
    return tuple(render(syndrome, fields, options=options) for fields in combinations(options.fields))
