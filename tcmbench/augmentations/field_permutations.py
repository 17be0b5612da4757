"""Documents with their fields in every order: 24 for four.

Models with last-token pooling or truncation favour the end or the start of a text; every field occurs there.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pydantic import Field

from tcmbench.augmentations import FieldOptions, render

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Syndrome

REVISION = "1"


class Options(FieldOptions):
    """The fields that are used, and the number of orders."""

    count: int | None = Field(default=None, ge=1)
    """Most orders, the usual one first: of orders that agree in their first fields, that with the next field in its
    usual place comes first; None: all."""


def texts(syndrome: Syndrome, *, options: Options, seed: int) -> tuple[str | None, ...]:
    """Return the document with its fields in every order, or the first `count`, the usual one first.

    Raises:
        DataError: The document lacks a field and `missing` is "error".
    """
    orders = itertools.islice(itertools.permutations(options.fields), options.count)
    return tuple(render(syndrome, fields, options=options) for fields in orders)
