"""The training data of a variant, one for each source: identified by a cached hash, and read only when needed.

The key of every model on a board needs the hash of its data. Reading 43,180 records for each would make a run without
any work to do take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench import plugins
from tcmbench.checksums import names_sha256
from tcmbench.data import location, reading
from tcmbench.data.recognise import BEIR, TABLE, TCM_SD, recognise
from tcmbench.data.training_source import Reading
from tcmbench.errors import DataAbsent, SpecError, StoreError
from tcmbench.store import key, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.data.formats import TrainingRow
    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.source import DataSource
    from tcmbench.specs.variant import Variant
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

KIND = "contents"
_STAGE, _STREAMED = "contents 6", "rows 2"
_FILE = "contents.json"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The records of a source, and its dev split where there is one."""

    reading: Reading
    """How its files are read."""

    files: tuple[tuple[Path, str], ...]
    """Files and the sha256 of each."""

    sha256: str
    """Hash of what they say and in which order, whatever their format: what models are keyed by."""

    labels: frozenset[str]
    """Gold syndromes of all training records; empty for other formats, whose documents are no syndromes."""

    is_streamed: bool = False
    """Whether it is read row by row."""

    is_scored: bool = False
    """Whether its rows are pairs with scores; only where it is read row by row."""

    @property
    def root(self) -> Path:
        """The file or folder."""
        return self.reading.path

    @property
    def has_fields(self) -> bool:
        """Whether its documents are entries with fields, which augmentations vary."""
        return self.reading.format == TCM_SD

    def rows(self) -> Iterator[TrainingRow]:
        """Yield the rows of a file in order, without holding it in memory.

        Raises:
            DataError: The data can't be used, or isn't what the hashes were taken of.
        """
        with reading.pinned(dict(self.files)):
            yield from self.reading.rows(scored=self.is_scored)

    def read(self) -> Folder:
        """Return the records and the documents; the last two sources read are kept.

        Raises:
            DataError: The data can't be used.
        """
        return _read(self.reading, self.files, as_streamed=self.is_streamed)


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    labels: frozenset[str]


def refuse_idle_augmentation(variant: Variant, data: TrainingData) -> None:
    """Refuse an augmentation of texts without fields.

    Raises:
        SpecError: The variant has one.
    """
    if variant.augmentation is not None and not data.has_fields:
        raise SpecError(
            f"variant {variant.name}: augmentation {variant.augmentation.name} varies the fields of entries, and the "
            f"documents of a {data.reading.format} have none. Leave it out."
        )


def of_source(workspace: Workspace, source: DataSource, *, where: str, takes_scores: bool = False) -> TrainingData:
    """Return one source; what has to be read to identify it is kept in the store, under the hash of its bytes.

    Args:
        workspace: Where the data and the store are.
        source: The source.
        where: Context for messages.
        takes_scores: Whether the loss reads scored pairs and no negatives are mined, which would be scored 0: then a
            file of rows is read row by row, with its scores.

    Raises:
        DataAbsent: There is no such folder or file.
        DataError: The data can't be used.
        SpecError: Settings of the source that don't fit its format.
    """
    root = location.locate(workspace, source.path)
    if not reading.exists(root):
        raise DataAbsent(
            root,
            what=f"Training data of {where}",
            how=f"{location.looked_in(workspace)} Name its folder with --data.",
        )
    way = _reading(source, root, where=where)
    is_folder = reading.is_folder(root)
    hashes = reading.hashed(_files(way) if is_folder else [root])
    files = tuple(hashes.items())
    inputs = _inputs(way, names_sha256(hashes, root=root if is_folder else root.parent))
    is_scored = takes_scores and _holds_rows(way.format)
    if source.streamed or is_scored:
        sha256 = key(_STREAMED, {"content": inputs, "scored": is_scored})
        return TrainingData(way, files, sha256, frozenset(), is_streamed=True, is_scored=is_scored)
    name = key(_STAGE, inputs)
    if not workspace.store.has(KIND, name):
        from tcmbench.trainsets.contents import contents_sha256

        folder = _read(way, files)
        labels = sorted({label for record in folder.splits.get("train", ()) for label in record.labels})
        with workspace.store.build(KIND, name) as part:
            write_json(part / _FILE, {"sha256": contents_sha256(folder), "labels": [*labels]})
    path = workspace.store.path(KIND, name) / _FILE
    try:
        kept = _Contents.model_validate(read_json(path))
    except ValidationError as error:
        raise StoreError(f"{path}: not what tcmbench wrote: {error}. Delete it and run again.") from error
    return TrainingData(way, files, kept.sha256, kept.labels if way.format == TCM_SD else frozenset())


def _inputs(way: Reading, sha256: str) -> Json:
    """Return what the content depends on; of what earlier versions could read, as they keyed it."""
    is_plain = way.split == "train" and not way.labels
    if way.format == TCM_SD and is_plain:
        return sha256
    columns: Json = [list(pair) for pair in way.columns]
    if way.format == TABLE and is_plain:
        return {"table": sha256, "columns": columns}
    return {"files": sha256, "format": way.format, "split": way.split, "columns": columns, "labels": way.labels}


def _files(way: Reading) -> list[Path]:
    folders = [way.path, way.path / "qrels"] if way.format == BEIR else [way.path]
    return [path for folder in folders for path in reading.files_in(folder) if not path.name.startswith(".")]


def _reading(source: DataSource, root: Path, *, where: str) -> Reading:
    """Return how a source is read.

    Raises:
        UnknownName: No such format.
        SpecError: Settings that have no meaning for its format.
    """
    name = source.format or recognise(root)
    holds_rows = _holds_rows(name, where=f"{where}, {source.path}")
    is_folder = name in {TCM_SD, BEIR}
    if reading.is_folder(root) != is_folder:
        expected = "a folder" if is_folder else "a file"
        raise SpecError(f"{where}: {source.path}: format {name} is {expected}, got {root}.")
    for field, is_fitting in (
        ("columns", name == TABLE), ("labels", name == TABLE), ("split", not holds_rows or source.split == "train"),
        ("streamed", holds_rows),
    ):  # fmt: skip
        if getattr(source, field) and not is_fitting:
            raise SpecError(
                f"{where}: {field} = {getattr(source, field)!r} has no meaning for {source.path!r} in format {name}. "
                "Leave it out, or name another format."
            )
    return Reading(root, name, source.split, tuple(sorted(source.columns.items())), source.labels)


def _holds_rows(name: str, *, where: str = "") -> bool:
    return bool(plugins.load("formats", name, where=where).HOLDS == "rows")


@lru_cache(maxsize=2)
def _read(way: Reading, files: tuple[tuple[Path, str], ...], *, as_streamed: bool = False) -> Folder:
    """Read a source whose files have these hashes, which are part of the cache's key.

    Raises:
        DataError: The data can't be used, or isn't what the hashes were taken of.
    """
    with reading.pinned(dict(files)):
        return way.read(as_streamed=as_streamed)


def row_id(number: int, place: int = 0) -> str:
    """Return the name of a row, or of one of its documents: its number, as ids may repeat in a file of rows."""
    return f"{number}+{place}" if place else str(number)
