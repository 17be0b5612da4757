"""A training set of several sources: each is built like one of its own, then their batches are put in one order.

So negatives, label-unique batches, cutting and statistics of a source are those of a training set of that source alone.
A batch is either of one source, or has a fixed number of examples of each (`[mixing]`). In the latter case no two
examples of a batch share a query, a positive, a syndrome or a group, and no negative is right for another example,
whichever sources they are from.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.store import differences, key, write_json
from tcmbench.trainsets import build
from tcmbench.trainsets.ingredient import build_one, recipe_of, variant_of
from tcmbench.trainsets.pairs import families, forms_of
from tcmbench.trainsets.shares import amounts, rows_per_batch
from tcmbench.trainsets.source_statistics import PartOfMixture, of_sources
from tcmbench.trainsets.text_keys import Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant
    from tcmbench.store import Json
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.ingredient import Ingredient
    from tcmbench.trainsets.train_set import TrainSet

STAGE = "mixture 3"
"""Raised whenever the same sources give another file."""

_MOST_LEFT_OUT = 0.1
"""Share of a source's examples that may be in no batch without a warning."""

logger = logging.getLogger(__name__)


def recipe(
    variant: Variant, base: Base, ingredients: Sequence[Ingredient], *, seed: int, context: Context
) -> dict[str, Json]:
    """Return everything that the mixture depends on; its key is the hash of it.

    Raises:
        UnknownName: No such miner or augmentation.
        SpecError: Options that they can't take.
    """
    return {
        "mixing": differences(variant.mixing),
        "sources": [
            {
                "recipe": recipe_of(variant, base, each, seed=seed, context=context),
                "amount": differences(each.source, include={"share", "weight", "role"}),
            }
            for each in ingredients
        ],
    }  # fmt: skip


def name_of(variant: Variant, base: Base, ingredients: Sequence[Ingredient], *, seed: int, context: Context) -> str:
    """Return the key of a mixture's training set."""
    return key(STAGE, recipe(variant, base, ingredients, seed=seed, context=context))


def build_mixture(
    variant: Variant, base: Base, ingredients: Sequence[Ingredient], *, seed: int, context: Context
) -> TrainSet:
    """Return the training set of a mixture, made now unless it is in the store and as it was written.

    Args:
        variant: The recipe.
        base: What is tuned.
        ingredients: Its sources, in the order of its `[[data]]` tables.
        seed: Seed of draws, order and samples.
        context: Store, tokenizer and the models that miners may use.

    Raises:
        UnknownName: No such miner or augmentation.
        SpecError: The recipe can't be followed; the message says what to change.
        DataError: The data lack what the recipe needs.
    """
    from tcmbench.trainsets.interleave import Stream, write_blocks

    inputs = recipe(variant, base, ingredients, seed=seed, context=context)
    name = key(STAGE, inputs)
    with context.store.lock(build.KIND, name):
        if context.store.has(build.KIND, name):
            return build.load(context.store.path(build.KIND, name))
        _refuse_idle_augmentation(variant, ingredients)
        made = _sets(variant, base, ingredients, seed=seed, context=context)
        block = variant.training.batch_size * context.requirements.devices
        is_mixed = variant.mixing.batches == "mixed"
        is_safe = variant.batch_rule == "label_unique" and context.requirements.in_batch
        streams = [Stream(one.train, one.rows, count, each.source.path) for each, one, count in made]
        if is_safe and is_mixed:
            streams = [
                stream._replace(keys=_keys(variant, each, seed=seed), prompt=_prompt(base, each))
                for stream, (each, *_) in zip(streams, made, strict=True)
            ]
        with context.store.build(build.KIND, name) as part:
            written = write_blocks(
                streams, is_mixed=is_mixed, seed=seed, train=part / "train.jsonl", rows=part / "rows.parquet",
                where=f"variant {variant.name}",
            )  # fmt: skip
            dev = next((one.dev for each, one, _ in made if each.source.role == "train" and one.dev), None)
            if dev is not None:
                (part / "dev.jsonl").write_bytes(dev.read_bytes())
            parts = [
                PartOfMixture(each.source.title, each.source.role, one.statistics, lines)
                for (each, one, _), lines in zip(made, written.lines, strict=True)
            ]
            stats = of_sources(
                parts, block_size=block, batch_rule="label_unique" if is_safe else "plain",
                replaced=written.replaced, in_conflict=written.in_conflict,
            )  # fmt: skip
            _warn_of_left_out(parts, where=f"variant {variant.name}")
            write_json(part / "stats.json", {"sha256": written.sha256, **stats.model_dump(mode="json")})
            write_json(part / "recipe.json", inputs)
    return build.load(context.store.path(build.KIND, name))


def _sets(
    variant: Variant, base: Base, ingredients: Sequence[Ingredient], *, seed: int, context: Context
) -> list[tuple[Ingredient, TrainSet, int]]:
    """Return the training set of each source, and the number of its examples in a batch."""
    where = f"variant {variant.name}"
    examples = [_examples(variant, base, each, seed=seed, context=context) for each in ingredients]
    sources = [each.source for each in ingredients]
    parts = amounts(sources, examples, temperature=variant.mixing.temperature)
    block = variant.training.batch_size * context.requirements.devices
    counts = [block] * len(sources)
    if variant.mixing.batches == "mixed":
        counts = rows_per_batch(
            [part.share for part in parts], [source.path for source in sources], size=block, where=where
        )
    alone = replace(context, requirements=context.requirements._replace(devices=1))
    made = []
    for each, part, count in zip(ingredients, parts, counts, strict=True):
        own = variant_of(variant, each)
        changed = {"epochs": own.training.epochs * part.passes, "batch_size": count}
        own = own.model_copy(update={"training": own.training.model_copy(update=changed)})
        try:
            one = build_one(own, base, each, seed=seed, context=alone)
        except SpecError as error:
            raise SpecError(
                f"{where}, source {each.source.path}, of which a batch has {count} examples: {error} With "
                'mixing.batches = "mixed" a batch has as many of a source as its share says.'
            ) from error
        made.append((each, one, count))
    _refuse_unequal_negatives(made, where=where)
    return made


def _examples(variant: Variant, base: Base, each: Ingredient, *, seed: int, context: Context) -> int:
    """Return the number of examples of one pass over a source."""
    own = variant_of(variant, each)
    if each.rows is not None:
        total = sum(not row.is_of(each.drop) for row in each.rows.rows())
        return min(total, own.max_samples or total)
    if own.augmentation is not None or own.split_negatives or context.requirements.scored:
        # Views and negatives multiply the pairs, some of them only.
        once = own.model_copy(update={"training": own.training.model_copy(update={"epochs": 1.0})})
        return build_one(once, base, each, seed=seed, context=context).statistics.examples
    records = each.read().splits["train"]
    pairs = sum(len(record.labels) for record in records if record.record_id not in each.drop)
    if not pairs:
        raise SpecError(
            f"variant {variant.name}: {each.source.path} has no example left: all {len(records)} records leak into "
            "the suite. Take the source out, or drop_leaks."
        )
    return min(pairs, own.max_samples or pairs)


def _warn_of_left_out(parts: Sequence[PartOfMixture], *, where: str) -> None:
    """Say what is in no batch, where it is more than the rest of a division."""
    for part in parts:
        left, total = part.statistics.lines - part.lines, part.statistics.lines
        if left > _MOST_LEFT_OUT * total:
            logger.warning(
                "%s: %s of %s examples of %s are in no batch, as the batches of another source end before, or share "
                "their positives.", where, f"{left:,}", f"{total:,}", part.path,
            )  # fmt: skip


def _keys(variant: Variant, each: Ingredient, *, seed: int) -> Keys:
    """Return what the positives of a source are known by in all sources."""
    if each.rows is not None:
        return Keys({})
    folder = each.read()
    forms = forms_of(variant_of(variant, each), folder.knowledge, seed=seed)
    return Keys.of_documents(folder.knowledge, families(folder.knowledge, folder.label_map, forms=forms))


def _prompt(base: Base, each: Ingredient) -> str:
    return base.query_prompt if each.source.prompt is None else each.source.prompt


def _refuse_idle_augmentation(variant: Variant, ingredients: Sequence[Ingredient]) -> None:
    if variant.augmentation is not None and not any(each.has_fields for each in ingredients):
        raise SpecError(
            f"variant {variant.name}: augmentation {variant.augmentation.name} varies the fields of entries, and no "
            "source has any. Leave it out."
        )


def _refuse_unequal_negatives(made: Sequence[tuple[Ingredient, TrainSet, int]], *, where: str) -> None:
    counts = {each.source.path: one.statistics.negatives_per_example for each, one, _ in made}
    if len(set(counts.values())) > 1:
        named = ", ".join(f"{count} of {path}" for path, count in counts.items())
        raise SpecError(
            f"{where}: expected as many negatives in every source, as trainers read one number from the first row, got "
            f'{named}. Set the same count under [negatives] for all; miner = "random" fills up where data gives none.'
        )
