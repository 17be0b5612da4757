"""A source of training data, and the training set of it alone: its records in memory, or its pairs row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.store import key
from tcmbench.trainsets import build, streamed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.base import Base
    from tcmbench.specs.source import DataSource
    from tcmbench.specs.variant import Variant
    from tcmbench.store import Json
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.streamed import RowData
    from tcmbench.trainsets.train_set import TrainSet


class Ingredient(NamedTuple):
    """A source with its data."""

    source: DataSource

    sha256: str
    """Hash of its contents."""

    read: Callable[[], Folder]
    """Returns its records and documents."""

    has_fields: bool
    """Whether its documents are entries with fields, which augmentations vary."""

    drop: frozenset[str]
    """Ids of its records to leave out (leaks)."""

    rows: RowData | None = None
    """Its pairs, where they are read row by row; None where its records are read into memory."""


def recipe_of(variant: Variant, base: Base, each: Ingredient, *, seed: int, context: Context) -> Json:
    """Return everything that the training set of a source depends on.

    Raises:
        UnknownName: No such miner or augmentation.
        SpecError: Options that they can't take.
    """
    variant, base = variant_of(variant, each), _base_of(base, each)
    if each.rows is not None:
        return streamed.recipe(variant, base, each.rows, seed=seed, context=context, drop=each.drop)
    return build.recipe(variant, base, each.sha256, seed=seed, context=context, drop=each.drop)


def key_of(variant: Variant, base: Base, each: Ingredient, *, seed: int, context: Context) -> str:
    """Return the key of the training set of a source."""
    stage = build.STAGE if each.rows is None else streamed.STAGE
    return key(stage, recipe_of(variant, base, each, seed=seed, context=context))


def build_one(variant: Variant, base: Base, each: Ingredient, *, seed: int, context: Context) -> TrainSet:
    """Return the training set of a source, made now unless it is in the store and as it was written.

    Raises:
        UnknownName: No such miner or augmentation.
        SpecError: The recipe can't be followed; the message says what to change.
        DataError: The data lack what the recipe needs.
    """
    variant, base = variant_of(variant, each), _base_of(base, each)
    if each.rows is not None:
        return streamed.build_streamed(variant, base, each.rows, seed=seed, context=context, drop=each.drop)
    return build.build(variant, base, each.read(), seed=seed, context=context, drop=each.drop)


def variant_of(variant: Variant, each: Ingredient) -> Variant:
    """Return the recipe of a source by itself."""
    source = each.source
    return variant.model_copy(
        update={
            "data": source.path,
            "negatives": source.negatives or variant.negatives,
            "augmentation": variant.augmentation if each.has_fields else None,
            "max_samples": source.samples,
        }
    )


def _base_of(base: Base, each: Ingredient) -> Base:
    """Return the base with the prompt of a source."""
    prompt = each.source.prompt
    return base if prompt is None else base.model_copy(update={"query_prompt": prompt})
