"""Augmentations of documents, one per file: `texts(syndrome, …)` returns all views of a document.

View k has the same form for every document, so that a model can't distinguish a positive from its negatives by form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field, field_validator

from tcmbench.data.tcm_sd import ENTRY_FIELDS, EntryField
from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.data.tcm_sd import Syndrome

FIELDS: tuple[EntryField, ...] = tuple(ENTRY_FIELDS)


class AugmentationOptions(PluginOptions):
    """Options of every augmentation."""

    missing: Literal["error", "exclude"] = "error"
    """For a view that needs a field which the document lacks: an error, or the view is excluded."""


class FieldOptions(AugmentationOptions):
    """Options of augmentations of whole fields."""

    fields: tuple[EntryField, ...] = Field(default=FIELDS, min_length=2)
    """Fields that are used; for a knowledge base without diseases, name the other three here."""

    @field_validator("fields")
    @classmethod
    def _fields_are_distinct(cls, fields: tuple[EntryField, ...]) -> tuple[EntryField, ...]:
        if len(set(fields)) != len(fields):
            raise ValueError(f"fields must differ from one another, got {', '.join(fields)}")
        return fields


class Augmentation(Protocol):
    """Interface of a module of this folder."""

    Options: type[AugmentationOptions]

    def texts(self, syndrome: Syndrome, *, options: PluginOptions, seed: int) -> tuple[str | None, ...]:
        """Return the document's text in every view, the same number and order for every document.

        None is an excluded view.

        Raises:
            DataError: The document lacks a field and `missing` is "error".
        """
        ...


def render(syndrome: Syndrome, fields: Sequence[EntryField], *, options: AugmentationOptions) -> str | None:
    """Return the document with these fields in this order; None where it lacks one and `missing` is "exclude".

    All four fields in their usual order give `syndrome.document()`.

    Raises:
        DataError: It lacks a field and `options.missing` is "error".
    """
    lacking = [field for field in fields if not getattr(syndrome, field)]
    if lacking:
        complain(syndrome, lacking, options=options)
        return None
    return syndrome.document(fields)


def complain(syndrome: Syndrome, lacking: Sequence[str], *, options: AugmentationOptions) -> None:
    """Raise an error about missing fields, where the options say so.

    Raises:
        DataError: `options.missing` is "error".
    """
    if options.missing == "error":
        raise DataError(
            f"syndrome {syndrome.doc_id}: expected the fields of the augmentation, but it has no "
            f'{" and no ".join(lacking)}. Fill them in, name other fields, or set missing = "exclude" to leave such '
            "views out."
        )
