"""Base of all local retrieval and reranking tasks: from dictionaries to mteb's split data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mteb.abstasks import AbsTaskRetrieval

from tcmbench.task_types import ItemInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


class LocalRetrieval(AbsTaskRetrieval):
    """A retrieval task whose data is read from local files by `load_split`."""

    dataset: Any = None
    data_loaded: bool = False
    """subset → split → mteb's split data."""

    items: dict[str, dict[str, ItemInfo]]
    """split → query id → facts of the query."""

    notes: tuple[str, ...] = ()
    """What is unusual about the data, with counts."""

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        """Read every split that is to be evaluated, once."""
        del num_proc, kwargs
        if self.data_loaded:
            return
        self.dataset = {"default": {}}
        self.items = {}
        for split in self.eval_splits:
            self.load_split(split)
        self.data_loaded = True

    def load_split(self, split: str) -> None:
        """Read one split and pass it to `set_split`."""
        raise NotImplementedError  # abstract: every task type reads its own files

    def set_split(
        self,
        split: str,
        *,
        documents: Mapping[str, str],
        queries: Mapping[str, str],
        qrels: Mapping[str, Mapping[str, int]],
        candidates: Mapping[str, list[str]] | None = None,
        items: Mapping[str, ItemInfo] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Store one split in mteb's layout; titles are part of the text already."""
        from datasets import Dataset
        from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData

        self.dataset["default"][split] = RetrievalSplitData(
            corpus=Dataset.from_dict({"id": list(documents), "text": list(documents.values())}),
            queries=Dataset.from_dict({"id": list(queries), "text": list(queries.values())}),
            relevant_docs={query: dict(row) for query, row in qrels.items()},
            top_ranked=None if candidates is None else {query: list(row) for query, row in candidates.items()},
        )
        self.items[split] = dict(items or {})
        self.notes = (*self.notes, *notes)
