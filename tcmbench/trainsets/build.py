"""Building a training set: everything before the trainer, stored under the hash of its inputs.

What writes it is imported when it is built: the key of a set is needed by every run, and needs no NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from tcmbench.errors import DataError, StoreError
from tcmbench.miners import MinerOptions
from tcmbench.store import differences, key, read_json, write_json
from tcmbench.trainsets.contents import contents_sha256
from tcmbench.trainsets.examples import Contents, make_examples, make_order, watched_order
from tcmbench.trainsets.pairs import augmentation_of, make_pairs, miner_of
from tcmbench.trainsets.statistics import Statistics, measure
from tcmbench.trainsets.texts import make_texts
from tcmbench.trainsets.train_set import TrainSet

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.plugins import PluginOptions
    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant
    from tcmbench.store import Json
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.pairs import Pairs
    from tcmbench.trainsets.pieces import Shape

KIND = "trainsets"
"""Kind of artefact in the store."""

STAGE = "trainset 7"
"""Raised whenever the same recipe gives another file, or a default in `recipe` changes."""

_OF_TRAINING = ("epochs", "max_length", "query_max_length", "document_max_length", "dev_samples")
"""Fields of `training` that the training set depends on."""

_TRAIN, _DEV = "train", "dev"
_WATCHED = 256
"""Dev examples that a training is watched by, at most: it is at several of its steps, and all 5,486 dev records of
TCM-SD would take longer than the training."""
_WATCHED_SHARE = 8
"""A training on a sample is watched by no more than an eighth of it, but by two: one alone has no margin."""


def build(
    variant: Variant,
    base: Base,
    folder: Folder,
    *,
    seed: int,
    context: Context,
    drop: frozenset[str] = frozenset(),
) -> TrainSet:
    """Return the training set of a variant, made now unless it is in the store and as it was written.

    Args:
        variant: The recipe.
        base: What is tuned; its prompts precede the texts, as in evaluation.
        folder: The data; the split `train`, and `dev` for the dev file where there is one.
        seed: Seed of draws, order and samples.
        context: Store, tokenizer and the models that miners may use.
        drop: Ids of training records to leave out (leaks).

    Raises:
        UnknownName: No such miner or augmentation.
        SpecError: The recipe can't be followed; the message says what to change.
        DataError: The data lacks what the recipe needs.
    """
    inputs = recipe(variant, base, contents_sha256(folder), seed=seed, context=context, drop=drop)
    name = key(STAGE, inputs)
    with context.store.lock(KIND, name):
        if not context.store.has(KIND, name):
            with context.store.build(KIND, name) as part:
                _write(variant, base, folder, seed=seed, context=context, drop=drop, part=part)
                write_json(part / "recipe.json", inputs)
    return load(context.store.path(KIND, name))


def load(folder: Path) -> TrainSet:
    """Return a training set that was built before.

    Raises:
        StoreError: The folder holds none, or a damaged one.
    """
    path = folder / "stats.json"
    try:
        stats = read_json(path)
        if not isinstance(stats, dict):
            raise StoreError(f"{path}: expected an object. Delete it and run again.")
        sha256 = str(stats.pop("sha256"))
        return TrainSet(folder, folder.name, sha256, Statistics.model_validate(stats))
    except (OSError, KeyError, ValidationError) as error:
        raise StoreError(f"{path}: not the statistics of a training set: {error}. Delete it and run again.") from error


def recipe(variant: Variant, base: Base, data: str, *, seed: int, context: Context, drop: frozenset[str]) -> Json:
    """Return everything that the training set depends on, and nothing else: its key is the hash of it.

    `data` is the folder's `contents_sha256`.

    Raises:
        UnknownName: No such miner or augmentation.
        SpecError: Options that they can't take.
    """
    miner, augmentation = miner_of(variant), augmentation_of(variant)
    training, requirements = variant.training, context.requirements
    prompts = {"query_prompt", "document_prompt"} | ({"instruction"} if variant.task == "reranker" else set())
    return {
        "data": data,
        "seed": seed,
        "drop": [*sorted(drop)],
        "miner": miner.identity(),
        "miner_model": _model_revision(miner.options, context),
        "augmentation": None if augmentation is None else augmentation.identity(),
        "variant": differences(variant, include={"task", "max_samples", "split_negatives"}),
        "training": differences(training, include={*_OF_TRAINING}),
        "base": differences(base, include=prompts),
        "scored": requirements.scored,
        "label_unique": variant.batch_rule == "label_unique" and requirements.in_batch,
        "block_size": training.batch_size * requirements.devices,
        "tokenizer": context.tokenizer.revision,
    }


def _model_revision(options: PluginOptions, context: Context) -> str | None:
    name = options.model_name() if isinstance(options, MinerOptions) else None
    return None if name is None else context.mining.model(name).revision


def _write(
    variant: Variant,
    base: Base,
    folder: Folder,
    *,
    seed: int,
    context: Context,
    drop: frozenset[str],
    part: Path,
) -> None:
    from tcmbench.trainsets.write import write_examples

    if _TRAIN not in folder.splits:
        raise DataError(f"{folder.root}: expected a split named train, got {', '.join(folder.splits)}.")
    splits = {_TRAIN: tuple(r for r in folder.splits[_TRAIN] if r.record_id not in drop)}
    if folder.splits.get(_DEV):
        splits[_DEV] = folder.splits[_DEV]
    made = make_pairs(variant, splits, folder, seed=seed, context=context.mining)
    # Documents that the miner may use as negatives are not replaced in a block either.
    label_map = folder.label_map if getattr(miner_of(variant).options, "exclude_merged_labels", True) else None
    shape = _shape(variant, base)
    contents = _contents(variant, base, made[_TRAIN], seed=seed, context=context)
    train = part / "train.jsonl"
    rows = part / "rows.parquet"
    written = write_examples(contents, shape=shape, label_map=label_map, seed=seed, train=train, rows=rows)
    dev_lines = 0
    if _DEV in made:
        # The dev examples are the same for all augmentations of the training documents.
        plain = variant.model_copy(update={"augmentation": None, "max_samples": None})
        dev = _contents(plain, base, made[_DEV], seed=seed, context=context, most=_watched(variant))
        if any(dev.order.passes):
            path = part / "dev.jsonl"
            dev_lines = write_examples(dev, shape=shape, label_map=label_map, seed=seed, train=path).lines
    stats = measure(contents, written, dev_lines=dev_lines)
    write_json(part / "stats.json", {"sha256": written.sha256, **stats.model_dump(mode="json")})


def _contents(
    variant: Variant,
    base: Base,
    pairs: Pairs,
    *,
    seed: int,
    context: Context,
    most: int | None = None,
) -> Contents:
    from tcmbench.trainsets.lines import used_documents

    texts = make_texts(variant, base, pairs, used=used_documents(pairs), tokenizer=context.tokenizer, seed=seed)
    examples = make_examples(variant, pairs, texts, requirements=context.requirements, seed=seed)
    if most is None:
        order = make_order(variant, pairs, examples, requirements=context.requirements, seed=seed)
    else:
        order = watched_order(variant, pairs, examples, requirements=context.requirements, most=most)
    return Contents(pairs, texts, examples, order)


def _watched(variant: Variant) -> int:
    sample = variant.max_samples
    if variant.training.dev_samples is not None:
        return variant.training.dev_samples
    return _WATCHED if sample is None else min(_WATCHED, max(2, sample // _WATCHED_SHARE))


def _shape(variant: Variant, base: Base) -> Shape:
    from tcmbench.trainsets.pieces import Shape

    is_reranker = variant.task == "reranker"
    # ms-swift's and mteb's default instructions of Qwen3-Reranker differ, so the base declares it.
    return Shape("assistant" if is_reranker else "user", base.instruction if is_reranker else "")
