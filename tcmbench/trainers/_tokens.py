"""How many tokens a training read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.trainers._train_file import read_rows

if TYPE_CHECKING:
    from tcmbench.trainers._job_file import Work

_BATCH = 1000


def count_tokens(work: Work, tokenizer: Any) -> int:
    """Return the tokens of all texts of the rows that were trained on, cut to the longest input, padding left out."""
    training = work.variant.training
    seen = min(work.rows, work.steps * training.batch_size * training.devices * training.accumulation)
    texts: list[str] = []
    for row in read_rows(work.train_file)[:seen]:
        if work.variant.task == "embedding":
            texts += [row.query, row.positive, *row.negatives]
        else:
            texts += [f"{row.query}{document}" for document in (row.positive, *row.negatives)]
    total = 0
    for start in range(0, len(texts), _BATCH):
        encoded = tokenizer(texts[start : start + _BATCH], truncation=True, max_length=training.max_length)
        total += sum(len(ids) for ids in encoded["input_ids"])
    return total
