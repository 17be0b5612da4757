"""The inputs of an encoder, prepared column by column.

mteb prepares every row of a split separately (50 µs per row, more than scoring takes). For plain texts the same columns
are computed from whole columns; anything else goes through mteb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import BatchedInput, PromptType
    from torch.utils.data import DataLoader


def text_loader(
    dataset: Dataset,
    *,
    task_metadata: TaskMetadata,
    prompt_type: PromptType,
    num_proc: int | None,
    options: dict[str, Any],
) -> DataLoader[BatchedInput]:
    """Return the loader of mteb's `create_dataloader`, faster where the split is plain text.

    Args:
        dataset: Queries or documents.
        task_metadata: Metadata of the task.
        prompt_type: Which of the two.
        num_proc: Processes for preparing and loading.
        options: Further arguments of `create_dataloader` (batch_size among them).
    """
    from mteb._create_dataloaders import _custom_collate_fn, create_dataloader
    from mteb.types import PromptType
    from torch.utils.data import DataLoader

    columns = _plain_columns(dataset) if task_metadata.get_modalities(prompt_type) == ["text"] else None
    if columns is None:
        return create_dataloader(
            dataset, task_metadata=task_metadata, prompt_type=prompt_type, num_proc=num_proc, **options
        )
    texts = columns["text"]
    if prompt_type == PromptType.query:
        columns["query"] = texts
    else:
        titles = columns.get("title", [""] * len(texts))
        columns["body"] = texts
        columns["text"] = [
            f"{title} {text}".strip() if title else text.strip() for title, text in zip(titles, texts, strict=True)
        ]
    return DataLoader(
        type(dataset).from_dict(columns),
        batch_size=options.get("batch_size", 32),
        collate_fn=_custom_collate_fn,
        num_workers=num_proc if num_proc is not None and num_proc > 1 else 0,
        shuffle=False,
    )


def texts_of(loader: DataLoader[BatchedInput]) -> list[str]:
    """Return all texts of a loader; read at once where it iterates over a dataset sequentially, as mteb's do."""
    from datasets import Dataset
    from mteb._create_dataloaders import _custom_collate_fn
    from torch.utils.data import SequentialSampler
    from torch.utils.data._utils.collate import default_collate

    dataset = loader.dataset
    if (
        isinstance(dataset, Dataset)
        and loader.collate_fn in (_custom_collate_fn, default_collate)
        and isinstance(loader.sampler, SequentialSampler)
        and not loader.drop_last
        and "text" in dataset.column_names
    ):
        column = dataset["text"][:]
        if all(isinstance(text, str) for text in column):
            return list(column)
    return [text for batch in loader for text in batch["text"]]


def _plain_columns(dataset: Dataset) -> dict[str, list[Any]] | None:
    """Return the columns of a split of plain strings, None where it needs more preparation than joining."""
    from datasets import Value

    features = dataset.features
    plain = {"id", "text", "title"}
    if not {"id", "text"} <= set(features) <= plain or not len(dataset):
        return None
    if any(not isinstance(kind, Value) or kind.dtype not in ("string", "large_string") for kind in features.values()):
        return None
    columns: dict[str, list[Any]] = {name: dataset[name][:] for name in features}
    return None if any(None in values for values in columns.values()) else columns
