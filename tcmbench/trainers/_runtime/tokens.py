"""The number of tokens that a training read."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from tcmbench.trainers._runtime.train_file import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tcmbench.trainers._runtime.job_file import Work

_BATCH = 1000


def count_tokens(
    work: Work, measure: Callable[[list[str]], list[int]], *, times: Mapping[int, int] | None = None
) -> int:
    """Return the tokens of all texts of the rows that were trained on, cut to the longest input, without padding.

    Args:
        work: Gives the file and the number of rows that were read.
        measure: Returns the lengths of texts in tokens.
        times: Row → how often it was read; None where each was read once, from the first on.
    """
    # Documents occur in many rows, and all texts in all passes: each is tokenised once.
    counts: Counter[str] = Counter()
    rows = read_rows(work.train_file)
    for number, row in enumerate(rows if times is not None else itertools.islice(rows, work.examples)):
        documents = (row.positive, *row.negatives)
        is_embedding = work.variant.task == "embedding"
        texts = (row.query, *documents) if is_embedding else [f"{row.query}{document}" for document in documents]
        for text in texts:
            counts[text] += 1 if times is None else times.get(number, 0)
    distinct, total = list(counts), 0
    for start in range(0, len(distinct), _BATCH):
        batch = distinct[start : start + _BATCH]
        lengths = [min(length, work.variant.longest_input) for length in measure(batch)]
        total += sum(length * counts[text] for text, length in zip(batch, lengths, strict=True))
    return total
