"""A part of a corpus, encoded into the cache of vectors before the corpus is searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.evaluation import hub_data
from tcmbench.records import failures

if TYPE_CHECKING:
    from mteb.models.models_protocols import MTEBModels

    from tcmbench.records.task import Task


def encode(loaded: MTEBModels, task: Task, *, split: str, subset: str, part: tuple[int, int]) -> None:
    """Encode some documents of a retrieval task, as its search does; documents that are cached take no time.

    Args:
        loaded: The model, with a cache.
        task: The task.
        split: Split of the task.
        subset: Subset of the task.
        part: First document, and the one after the last.

    Raises:
        DataError: The task's data can't be used.
        EvaluationError: Vectors that can't be used.
    """
    from mteb.timing import TimingStack

    from tcmbench.task_types.scoring import dense_search

    instance = tasks.instantiate(task, split, subset=subset)
    with failures.explained(f"{task.name}/{split}: its documents {part[0]:,} to {part[1]:,}"):
        hub_data.load_data(instance, task)
        instance.convert_v1_dataset_format_to_v2(num_proc=None)
        data = instance.dataset[subset][split]
        searched = dense_search.Split(
            queries=data["queries"],
            corpus=data["corpus"],
            top_k=instance._top_k,
            task_metadata=instance.metadata,
            split=split,
            subset=subset,
            encode_kwargs={},
            num_proc=None,
            timer=TimingStack(),
        )
        dense_search.encode_documents(loaded, searched, start=part[0], stop=min(part[1], len(data["corpus"])))
