"""A source of training data in any format, as a folder of records and documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from tcmbench import plugins
from tcmbench.data import tables, tcm_sd, tcm_sd_files, training_pairs
from tcmbench.data.formats import Collection, collect
from tcmbench.data.recognise import TABLE, TCM_SD
from tcmbench.errors import BadLines, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tcmbench.data.formats import CollectionFormat, RowFormat, TrainingRow
    from tcmbench.data.tcm_sd import Folder


class Reading(NamedTuple):
    """How the files of a source are read."""

    path: Path
    """File or folder."""

    format: str
    """Name of a format."""

    split: str = training_pairs.TRAIN
    """Split of a format that has several."""

    columns: tuple[tuple[str, str], ...] = ()
    """Tables: column and its name in the file."""

    labels: str = ""
    """Tables: column whose equal values don't meet in a batch."""

    def read(self, *, as_streamed: bool = False) -> Folder:
        """Return the split as `train`; with the split train also the dev split as `dev`, where there is one.

        Args:
            as_streamed: Whether it is a file of rows of which those with a blank text are left out, as in `rows`.

        Raises:
            UnknownName: There is no such format.
            DataAbsent: There is no such file or folder.
            BadLines: Rows that can't be read, that contradict each other, or of which a part would be lost.
            DataError: The data can't be used.
        """
        if self.format == TCM_SD:
            return self._tcm_sd()
        module = plugins.load("formats", self.format)
        if as_streamed:
            collection = collect(self.rows())
        elif self.format == TABLE:
            collection = collect(tables.training_rows(self.path, dict(self.columns), group=self.labels))
        elif module.HOLDS == "rows":
            collection = collect(_as_pairs(cast("RowFormat", module).read(self.path)))
        else:
            collection = self._splits_of(cast("CollectionFormat", module).read(self.path))
        return training_pairs.folder_of(collection, self.path)

    def rows(self, *, scored: bool = False) -> Iterator[TrainingRow]:
        """Yield the rows of a file in order, without holding it in memory.

        Args:
            scored: Whether scores and weights are read; else rows that have any are refused.

        Raises:
            DataAbsent: There is no such file.
            BadLines: Rows that can't be read, that contradict each other, or of which a part would be lost.
            DataError: The data can't be used; or a format that doesn't hold rows.
        """
        module = plugins.load("formats", self.format)
        if self.format == TABLE:
            columns = dict(self.columns)
            if scored:
                return tables.scored_rows(self.path, columns)
            return tables.training_rows(self.path, columns, group=self.labels, skips_blank=True)
        if module.HOLDS != "rows":
            raise DataError(
                f"{self.path}: expected a file of rows, such as JSON lines of query, doc, rel and weight, or a table "
                f"with a column of scores, got format {self.format}, which has no scores of pairs."
            )
        rows = cast("RowFormat", module).read(self.path)
        return rows if scored else _as_pairs(rows)

    def _tcm_sd(self) -> Folder:
        train, dev = training_pairs.TRAIN, training_pairs.DEV
        present = tcm_sd_files.find_splits(self.path)
        if self.split == train:
            return tcm_sd.read_folder(self.path, splits=[train, *([dev] if dev in present else [])])
        folder = tcm_sd.read_folder(self.path, splits=[self.split])
        return replace(folder, splits={train: folder.splits[self.split]})

    def _splits_of(self, collection: Collection) -> Collection:
        """Return the chosen split as train, and dev beside train; the only split where the format has no names."""
        train, dev = training_pairs.TRAIN, training_pairs.DEV
        if self.split not in collection.qrels:
            raise DataError(f"{self.path}: expected a split {self.split}, got {', '.join(collection.qrels)}.")
        qrels = {train: collection.qrels[self.split]}
        if self.split == train and dev in collection.qrels:
            qrels[dev] = collection.qrels[dev]
        return replace(collection, qrels=qrels)


def _as_pairs(rows: Iterable[TrainingRow]) -> Iterator[TrainingRow]:
    """Yield rows without scores, as all their positives count as right answers, and without an instruction.

    Raises:
        BadLines: After the last row: all that have a score, a grade between 0 and 1, a weight other than 1, or a system
            message.
    """
    problems: list[str] = []
    for row in rows:
        lost = [
            *([f"label {row.score:g}"] if row.score not in {None, 1.0} else []),
            *(f"rel {grade:g}" for grade in row.grades if 0 < grade < 1),
            *(f"weight {weight:g}" for weight in row.weights if weight != 1),
            *(["a system message"] if row.system else []),
        ]
        if lost:
            problems.append(f"{row.where}: expected a query and its answers alone, got {lost[0]}")
        else:
            yield row
    if problems:
        raise BadLines(
            problems,
            advice="Scores and weights are read by a loss over scored pairs (docs/models.md) without [negatives]. "
            "For another loss, remove them, and the pairs that are no right answers. What queries begin with is the "
            "`prompt` of their source, or the base's prompt or instruction, and no system message.",
        )
