"""The batches of a training: the rows of each, computed before the first step."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tcmbench.errors import TrainingError
from tcmbench.trainers._sentence_transformers.options import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from tcmbench.trainers._runtime.job_file import Work


def draw(dataset: Dataset, work: Work) -> list[Sequence[int]]:
    """Return the rows of each batch, in the order of training.

    These are the rows of the file in order, which follows the batch rule. Only `no_duplicates` draws them, by
    sentence-transformers' sampler: where one pass over the rows can't fill all batches, it repeats rows and leaves
    others out. With `mini_batch_tokens` the rows of a batch are sorted by length, which no loss depends on.

    Raises:
        TrainingError: The sampler fills fewer batches than the training has steps for.
    """
    batches = _drawn(dataset, work)
    if Options.model_validate(work.variant.training.options).mini_batch_tokens is None:
        return batches
    lengths = [max(len(text) for text in row.values() if isinstance(text, str)) for row in dataset]
    return [sorted(batch, key=lambda row: lengths[row]) for batch in batches]


def _drawn(dataset: Dataset, work: Work) -> list[Sequence[int]]:
    size, accumulation = work.variant.training.batch_size, work.variant.training.accumulation
    if work.variant.batch_rule != "no_duplicates":
        return in_order(len(dataset), size=size, drops_last=work.drops_last)
    import torch
    from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

    sampler = NoDuplicatesBatchSampler(
        dataset, size, drop_last=work.drops_last, valid_label_columns=["label", "score"],
        generator=torch.Generator(), seed=work.seed,
    )  # fmt: skip
    drawn = [[int(row) for row in batch] for batch in sampler]
    steps = -(-len(drawn) // accumulation)
    if steps < work.steps:
        raise TrainingError(
            f"expected {work.steps} steps, found batches for {steps}: there are too few different texts to fill more "
            "without a duplicate. Lower training.batch_size."
        )
    return [*drawn]


def in_order(rows: int, *, size: int, drops_last: bool) -> list[Sequence[int]]:
    """Return batches of the rows from the first to the last."""
    end = rows - rows % size if drops_last else rows
    return [range(start, min(start + size, end)) for start in range(0, end, size)]


def sampler(dataset: Dataset, batches: Sequence[Sequence[int]], *, size: int) -> Any:
    """Return a batch sampler over known batches."""
    from sentence_transformers.base.sampler import DefaultBatchSampler

    class DrawnSampler(DefaultBatchSampler):
        """Returns the known batches."""

        def __iter__(self) -> Any:
            return (list(batch) for batch in batches)

        def __len__(self) -> int:
            return len(batches)

    return DrawnSampler(dataset, batch_size=size, drop_last=False)


def times_read(batches: Sequence[Sequence[int]], work: Work, *, steps: int) -> Counter[int]:
    """Return how often the first steps of the training read each row; rows that are not read are absent."""
    taken = batches[: steps * work.variant.training.accumulation]
    return Counter(row for batch in taken for row in batch)
