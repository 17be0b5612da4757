"""Documents with their fields in every order: 24 for four.

Models with last-token pooling or truncation favour the end or the start of a text; every field occurs there.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tcmbench.augmentations import FieldOptions, render

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Syndrome

REVISION = "1"


class Options(FieldOptions):
    """The fields that are used."""


def texts(syndrome: Syndrome, *, options: Options, seed: int) -> tuple[str | None, ...]:
    """Return the document with its fields in every order, the usual one first.

    Raises:
        DataError: The document lacks a field and `missing` is "error".
    """
    orders = itertools.permutations(options.fields)
    return tuple(render(syndrome, fields, options=options) for fields in orders)
