"""Training sets of pairs that are read row by row: files larger than memory, and pairs with scores.

Nothing is mined: negatives are those of the file, filled up with documents of random other rows, or there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tcmbench.errors import SpecError
from tcmbench.store import key, write_json
from tcmbench.trainsets import build
from tcmbench.trainsets.pairs import miner_of
from tcmbench.trainsets.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant
    from tcmbench.store import Json
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.spool import SpooledRow
    from tcmbench.trainsets.train_set import TrainSet

STAGE = "streamed 3"
"""Raised whenever the same rows give another file."""

MINERS = ("none", "given", "random")
"""Miners whose negatives can be had without the whole corpus."""


class RowData(NamedTuple):
    """Pairs that are read row by row."""

    path: Path
    """The file, for messages."""

    sha256: str
    """Hash of its contents and of how it is read."""

    rows: Callable[[], Iterator[SpooledRow]]


def recipe(
    variant: Variant, base: Base, data: RowData, *, seed: int, context: Context, drop: frozenset[str]
) -> dict[str, Json]:
    """Return everything that the training set depends on.

    Raises:
        UnknownName: No such miner.
        SpecError: Options that it can't take.
    """
    plain = build.recipe(variant, base, data.sha256, seed=seed, context=context, drop=drop)
    return {"streamed": plain}


def name_of(variant: Variant, base: Base, data: RowData, *, seed: int, context: Context, drop: frozenset[str]) -> str:
    """Return the key of the training set."""
    return key(STAGE, recipe(variant, base, data, seed=seed, context=context, drop=drop))


def build_streamed(
    variant: Variant, base: Base, data: RowData, *, seed: int, context: Context, drop: frozenset[str]
) -> TrainSet:
    """Return the training set of pairs, made now unless it is in the store and as it was written.

    Args:
        variant: The recipe.
        base: What is tuned.
        data: The pairs.
        seed: Seed of order, samples and drawn negatives.
        context: Store and tokenizer.
        drop: Ids of rows to leave out (leaks).

    Raises:
        SpecError: The recipe can't be followed with such data; the message says what to change.
        DataError: The data lacks what the recipe needs.
    """
    from tcmbench.trainsets.streamed_lines import StreamWriter

    _refuse(variant, context)
    inputs = recipe(variant, base, data, seed=seed, context=context, drop=drop)
    name = key(STAGE, inputs)
    with context.store.lock(build.KIND, name):
        if not context.store.has(build.KIND, name):
            with context.store.build(build.KIND, name) as part:
                rows = (row for row in data.rows() if not row.is_of(drop))
                with Spool(part / "rows.spool", rows) as spool:
                    writer = StreamWriter(variant, base, spool, seed=seed, context=context, path=data.path)
                    statistics = writer.write(part)
                write_json(part / "stats.json", {"sha256": writer.sha256, **statistics.model_dump(mode="json")})
                write_json(part / "recipe.json", inputs)
    return build.load(context.store.path(build.KIND, name))


def _refuse(variant: Variant, context: Context) -> None:
    where, miner = f"variant {variant.name}", variant.negatives.miner
    if variant.task != "embedding":
        raise SpecError(f"{where}: data that are read row by row train embedding models only, not a {variant.task}.")
    if miner not in MINERS:
        raise SpecError(
            f"{where}: miner {miner} needs all documents in memory, and the data are read row by row. Choose "
            f"{', '.join(MINERS)}, or leave out streamed = true."
        )
    if context.requirements.scored and miner != "none":
        raise SpecError(f'{where}: pairs have their own scores, so no negatives are mined. Set miner = "none".')
    idle = sorted(miner_of(variant).options.model_dump(exclude_defaults=True).keys() - {"count"})
    if idle:
        raise SpecError(
            f"{where}: option {idle[0]} of miner {miner} needs all documents in memory, and the data are read row by "
            "row. Leave it out, or streamed = true."
        )
    if variant.augmentation is not None or variant.split_negatives:
        raise SpecError(f"{where}: augmentation and split_negatives need documents in memory. Leave them out.")
