"""How many tokens a training read."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from tcmbench.trainers._runtime.train_file import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.trainers._runtime.job_file import Work

_BATCH = 1000


def count_tokens(work: Work, measure: Callable[[list[str]], list[int]]) -> int:
    """Return the tokens of all texts of the rows that were trained on, cut to the longest input, padding left out.

    Args:
        work: Names the file and how many of its rows were read.
        measure: Returns the length of each of a few texts in tokens.
    """
    training = work.variant.training
    # documents stand in many rows, and all texts in all passes: each is tokenised once
    counts: Counter[str] = Counter()
    for row in itertools.islice(read_rows(work.train_file), work.examples):
        documents = (row.positive, *row.negatives)
        if work.variant.task == "embedding":
            counts.update((row.query, *documents))
        else:
            counts.update(f"{row.query}{document}" for document in documents)
    texts, total = list(counts), 0
    for start in range(0, len(texts), _BATCH):
        batch = texts[start : start + _BATCH]
        lengths = [min(length, training.max_length) for length in measure(batch)]
        total += sum(length * counts[text] for text, length in zip(batch, lengths, strict=True))
    return total
