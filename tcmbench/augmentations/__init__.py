"""How the text of a document is varied: one augmentation per file, `texts(syndrome, …)` gives all its views.

View k of every document is made alike, so that a positive and its negatives stand in the same form and a
model can't tell them apart by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field, field_validator

from tcmbench.errors import DataError
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.data.tcm_sd import Syndrome

DocumentField = Literal["name", "definition", "manifestations", "diseases"]

FIELDS: tuple[DocumentField, ...] = ("name", "definition", "manifestations", "diseases")

_TITLES: dict[DocumentField, str] = {
    "name": "名称",
    "definition": "定义",
    "manifestations": "典型表现",
    "diseases": "常见疾病",
}


class AugmentationOptions(PluginOptions):
    """What every augmentation can be told."""

    missing: Literal["error", "exclude"] = "error"
    """What becomes of a view that needs a field the document lacks: nothing is built, or this view isn't."""


class FieldOptions(AugmentationOptions):
    """What augmentations of whole fields can be told."""

    fields: tuple[DocumentField, ...] = Field(default=FIELDS, min_length=2)
    """Fields that take part; a knowledge base without diseases names the other three here."""

    @field_validator("fields")
    @classmethod
    def _fields_are_distinct(cls, fields: tuple[DocumentField, ...]) -> tuple[DocumentField, ...]:
        if len(set(fields)) != len(fields):
            raise ValueError(f"fields must differ from one another, got {', '.join(fields)}")
        return fields


class Augmentation(Protocol):
    """What a module of this folder offers."""

    Options: type[AugmentationOptions]

    def texts(self, syndrome: Syndrome, *, options: PluginOptions, seed: int) -> tuple[str | None, ...]:
        """Return the document's text in every view, the same number and order for every document.

        None stands for a view that is excluded.

        Raises:
            DataError: The document lacks a field and the options say that this is an error.
        """
        ...


def render(syndrome: Syndrome, fields: Sequence[DocumentField], *, options: AugmentationOptions) -> str | None:
    """Return the document with these fields in this order; None when it lacks one and that is excluded.

    All four fields in their usual order give `syndrome.document()`.

    Raises:
        DataError: It lacks a field and `options.missing` is "error".
    """
    lacking = [field for field in fields if not getattr(syndrome, field)]
    if lacking:
        complain(syndrome, lacking, options=options)
        return None
    return "\n".join(_line(syndrome, field) for field in fields)


def complain(syndrome: Syndrome, lacking: Sequence[str], *, options: AugmentationOptions) -> None:
    """Raise when fields that are missing are an error.

    Raises:
        DataError: They are.
    """
    if options.missing == "error":
        raise DataError(
            f"syndrome {syndrome.doc_id}: expected the fields of the augmentation, but it has no "
            f'{" and no ".join(lacking)}. Fill them in, name other fields, or set missing = "exclude" to leave such '
            "views out."
        )


def _line(syndrome: Syndrome, field: DocumentField) -> str:
    ending = "。" if field == "name" else ""
    return f"{_TITLES[field]}：{getattr(syndrome, field)}{ending}"
