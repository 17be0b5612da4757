"""The linear probe that classification tasks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from datasets import Dataset, DatasetDict
from mteb.abstasks import AbsTaskClassification

from tcmbench.errors import DataError
from tcmbench.task_types._labels import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Labelled(NamedTuple):
    """One split of labelled texts."""

    columns: dict[str, list[str]]
    """`text` and `label`, and optionally `item` and `cluster`."""

    places: list[str]
    """File and line, or record, of each row."""

    notes: list[str]
    """What is unusual about it, with counts."""


def linear_probe(
    read: Callable[[str], Labelled], *, samples_per_label: int, experiments: int
) -> type[AbsTaskClassification]:
    """Return a classification task.

    Args:
        read: Split → its texts and labels.
        samples_per_label: Training texts per label in each experiment.
        experiments: Number of probes.
    """
    samples, probes = samples_per_label, experiments

    class LinearProbe(AbsTaskClassification):
        """Logistic regression on frozen vectors."""

        samples_per_label = samples
        n_experiments = probes

        dataset: Any = None
        data_loaded: bool = False
        notes: tuple[str, ...] = ()

        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            """Read the train split and the splits to be evaluated, once."""
            del num_proc, kwargs
            if self.data_loaded:
                return
            splits = {split: read(split) for split in ("train", *self.eval_splits)}
            _require_learnable(splits)
            self.notes = tuple(note for split in splits.values() for note in split.notes)
            codes = {label: code for code, label in enumerate(sorted(set(splits["train"].columns["label"])))}
            self.label_names = list(codes)
            self.dataset = DatasetDict(
                {
                    split: Dataset.from_dict({**read.columns, "label": [codes[x] for x in read.columns["label"]]})
                    for split, read in splits.items()
                }
            )
            self.data_loaded = True

        def _calculate_scores(self, y_test: Any, y_pred: Any) -> Any:
            # A column is read from Arrow row by row at each iteration, and scikit-learn's metrics iterate often.
            return super()._calculate_scores(list(y_test), y_pred)

        def _undersample_data(self, dataset: Any, experiment_num: int, idxs: list[int] | None = None) -> Any:
            return super()._undersample_data(_ReadOnce(dataset), experiment_num, idxs)

    return LinearProbe


def _require_learnable(splits: Mapping[str, Labelled]) -> None:
    """Refuse splits that can't measure a model.

    Raises:
        DataError: Training texts of one class, or labels that no training text has.
    """
    train = splits["train"]
    known = set(train.columns["label"])
    if len(known) == 1:
        raise DataError(
            f"{train.places[0]}: expected training texts of several labels, got one label for all {len(train.places)}. "
            "Every model would score 100%."
        )
    unlearnt = [
        f"{place} ({label})"
        for split in splits.values()
        for place, label in zip(split.places, split.columns["label"], strict=True)
        if label not in known
    ]
    if unlearnt:
        raise DataError(
            f"{len(unlearnt)} texts have labels that no training text has, so no model can predict them: "
            f"{listed(unlearnt)}. Leave them out, or add training texts."
        )


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
