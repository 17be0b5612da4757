"""What a variant learned from, as a cure of it reads it: no more records than the variant, and none that leaked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tcmbench.errors import SpecError
from tcmbench.tuning.training_data import row_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.data.tcm_sd import Folder, Record
    from tcmbench.store import Json
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.tuning.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class LearnedData:
    """The training data of a variant, of a mixture its first source with role train."""

    data: TrainingData

    drop: frozenset[str] = frozenset()
    """Its records, or the numbers of its rows where it is streamed, that are left out because they leak."""

    drop_dev: frozenset[str] = frozenset()
    """Records of its dev split that are."""

    samples: int | None = None
    """Most training records that are read, as the variant learned from no more examples; None for all."""

    seed: int = 0
    """Seed of that sample."""

    def identity(self) -> dict[str, Json]:
        """Return what the records depend on besides the seed."""
        parts: dict[str, Json] = {"sha256": self.data.sha256, "drop": [*sorted(self.drop)]}
        if self.data.is_streamed:
            parts["records"] = "without queries of leaking rows"
        if self.drop_dev:
            parts["drop_dev"] = [*sorted(self.drop_dev)]
        return parts if self.samples is None else {**parts, "samples": self.samples}

    def read(self) -> Folder:
        """Return documents and records: splits `train`, in a sample, and `dev` without leaks, others as they are.

        Raises:
            DataError: The data can't be used.
            SpecError: The variant was tuned on pairs with scores, of which none is simply relevant.
        """
        if self.data.is_scored:
            raise SpecError(
                f"expected training data with relevant documents, got the scored pairs of {self.data.root.name}. "
                "Choose a cure that reads no data, such as merge, or give fusion a weight."
            )
        folder = self.data.read()
        splits = {**folder.splits, "train": self._sampled(self._kept(folder))}
        if "dev" in splits:
            splits["dev"] = tuple(record for record in splits["dev"] if record.record_id not in self.drop_dev)
        return replace(folder, splits=splits)

    def _kept(self, folder: Folder) -> tuple[Record, ...]:
        records = folder.splits.get("train", ())
        if not self.data.is_streamed:
            return tuple(record for record in records if record.record_id not in self.drop)
        # Rows are known by their numbers, and those of one query are one record with an id of its own.
        rows = enumerate(self.data.rows())
        leaking = {row.query.strip() for number, row in rows if row_id(number) in self.drop}
        return tuple(record for record in records if record.query().strip() not in leaking)

    def _sampled(self, records: Sequence[Record]) -> tuple[Record, ...]:
        import numpy as np

        if self.samples is None or self.samples >= len(records):
            return tuple(records)
        chosen = np.random.default_rng(self.seed).choice(len(records), size=self.samples, replace=False)
        return tuple(records[number] for number in sorted(chosen.tolist()))


def learned_data(recipe: Recipe, *, seed: int) -> LearnedData:
    """Return what a model of a recipe learned from."""
    first = recipe.first
    return LearnedData(first.data, first.drop, first.drop_dev, first.source.samples, seed)
