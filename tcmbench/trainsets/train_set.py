"""A training set on disk: what `tcmbench.trainsets.build.build` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.trainsets.statistics import Statistics


@dataclass(frozen=True, slots=True)
class TrainSet:
    """A training set on disk."""

    folder: Path

    key: str
    """Hash of the recipe and all inputs."""

    sha256: str
    """Hash of the bytes of `train`."""

    statistics: Statistics

    @property
    def train(self) -> Path:
        """Examples in ms-swift's format, in the order of training: all passes, to be read once, unshuffled."""
        return self.folder / "train.jsonl"

    @property
    def dev(self) -> Path | None:
        """Examples of the dev split, one pass without augmentation; None if the folder has no dev split."""
        path = self.folder / "dev.jsonl"
        return path if path.is_file() else None

    @property
    def rows(self) -> Path:
        """Parquet with one row for each line of `train`, read by `tcmbench.trainsets.rows.read_rows`."""
        return self.folder / "rows.parquet"
