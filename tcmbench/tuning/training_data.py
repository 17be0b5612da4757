"""The training data of a variant: identified by a cached hash, and read only when they are needed.

The key of every model on a board needs the hash of its data. Reading 43,180 records for each would make a run without
any work to do take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench.checksums import names_sha256
from tcmbench.data import location, reading, table_files
from tcmbench.errors import DataAbsent, SpecError, StoreError
from tcmbench.store import key, read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace

KIND = "contents"
_STAGE = "contents 4"
_FILE = "contents.json"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The train split of a TCM-SD folder, and its dev split where there is one; or a table of pairs."""

    root: Path

    files: tuple[tuple[Path, str], ...]
    """Files and the sha256 of each."""

    sha256: str
    """Hash of what they say and in which order, whatever their format: what models are keyed by."""

    labels: frozenset[str]
    """Gold syndromes of all training records; empty for a table, whose documents are no syndromes."""

    columns: tuple[tuple[str, str], ...] = ()
    """Columns of a table with their names in the file."""

    def read(self) -> Folder:
        """Return the records and the knowledge base; the last two folders read are kept.

        Raises:
            DataError: The data can't be used.
        """
        return _read(self.root, self.files, self.columns)


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    labels: frozenset[str]


def find(workspace: Workspace, variant: Variant) -> TrainingData:
    """Return what a variant is trained on; what has to be read for that is kept in the store, under its bytes' hash.

    Raises:
        DataAbsent: There is no such folder or file.
        DataError: The data can't be used.
        SpecError: Settings of the variant that don't fit the data.
    """
    root = location.locate(workspace, variant.data)
    is_table = table_files.ending(root) != "" and not reading.is_folder(root)
    _check(variant, is_table=is_table)
    paths = [root] if is_table else [path for path in reading.files_in(root) if not path.name.startswith(".")]
    if not reading.exists(root):
        raise DataAbsent(
            root,
            what=f"Training data of variant {variant.name}",
            how=f"{location.looked_in(workspace)} Name its folder with --data.",
        )
    hashes = reading.hashed(paths)
    files, columns = tuple(hashes.items()), tuple(sorted(variant.columns.items()))
    sha256 = names_sha256(hashes, root=root.parent if is_table else root)
    name = key(_STAGE, {"table": sha256, "columns": [list(pair) for pair in columns]} if is_table else sha256)
    if not workspace.store.has(KIND, name):
        from tcmbench.trainsets.contents import contents_sha256

        folder = _read(root, files, columns)
        labels = sorted({label for record in folder.splits.get("train", ()) for label in record.labels})
        with workspace.store.build(KIND, name) as part:
            write_json(part / _FILE, {"sha256": contents_sha256(folder), "labels": [*labels]})
    path = workspace.store.path(KIND, name) / _FILE
    try:
        kept = _Contents.model_validate(read_json(path))
    except ValidationError as error:
        raise StoreError(f"{path}: not what tcmbench wrote: {error}. Delete it and run again.") from error
    return TrainingData(root, files, kept.sha256, frozenset() if is_table else kept.labels, columns)


def _check(variant: Variant, *, is_table: bool) -> None:
    """Refuse settings that have no meaning for the data.

    Raises:
        SpecError: Columns of a folder, or an augmentation of texts without fields.
    """
    where = f"variant {variant.name}"
    if is_table and variant.augmentation is not None:
        raise SpecError(
            f"{where}: augmentation {variant.augmentation.name} varies the fields of entries, and the documents of a "
            "table have none. Leave it out."
        )
    if variant.columns and not is_table:
        raise SpecError(f"{where}: columns are those of a table of pairs, but data = {variant.data!r} is a folder.")


@lru_cache(maxsize=2)
def _read(root: Path, files: tuple[tuple[Path, str], ...], columns: tuple[tuple[str, str], ...] = ()) -> Folder:
    """Read a folder or table whose files have these hashes, which are part of the cache's key.

    Raises:
        DataError: The data can't be used, or isn't what the hashes were taken of.
    """
    from tcmbench.data import training_pairs
    from tcmbench.data.tcm_sd import find_splits, read_folder

    with reading.pinned(dict(files)):
        if not reading.is_folder(root):
            return training_pairs.read_folder(root, dict(columns))
        return read_folder(root, splits=["train", *(["dev"] if "dev" in find_splits(root) else [])])
