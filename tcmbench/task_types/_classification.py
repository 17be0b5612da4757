"""The linear probe that classification tasks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import Dataset, DatasetDict
from mteb.abstasks import AbsTaskClassification

if TYPE_CHECKING:
    from collections.abc import Callable


def linear_probe(
    read: Callable[[str], dict[str, list[str]]], *, samples_per_label: int, experiments: int
) -> type[AbsTaskClassification]:
    """Return a classification task.

    Args:
        read: Split → columns `text` and `label`, and if there are any `item` and `cluster`.
        samples_per_label: Training texts a label in each experiment.
        experiments: Number of probes.
    """
    samples, probes = samples_per_label, experiments

    class LinearProbe(AbsTaskClassification):
        """Logistic regression on frozen vectors."""

        samples_per_label = samples
        n_experiments = probes

        dataset: Any = None

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the train split and the splits to be evaluated, once."""
            del num_proc, kwargs
            if self.dataset is not None:
                return
            splits = {split: read(split) for split in ("train", *self.eval_splits)}
            codes = {label: i for i, label in enumerate(sorted({x for s in splits.values() for x in s["label"]}))}
            self.label_names = list(codes)
            self.dataset = DatasetDict(
                {
                    split: Dataset.from_dict({**columns, "label": [codes[label] for label in columns["label"]]})
                    for split, columns in splits.items()
                }
            )
            self.data_loaded = True

        def _calculate_scores(self, y_test: Any, y_pred: Any) -> Any:
            # A column is read from Arrow row by row each time it is walked, and scikit-learn's metrics walk it often.
            return super()._calculate_scores(list(y_test), y_pred)

        def _undersample_data(self, dataset: Any, experiment_num: int, idxs: list[int] | None = None) -> Any:
            return super()._undersample_data(_ReadOnce(dataset), experiment_num, idxs)

    return LinearProbe


class _ReadOnce:
    """A dataset whose columns are lists: mteb looks up one label after the other in a lazy column."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, name: str) -> list[Any]:
        return list(self._dataset[name][:])

    def select(self, rows: list[int]) -> Dataset:
        """Return the rows as a dataset."""
        return self._dataset.select(rows)
