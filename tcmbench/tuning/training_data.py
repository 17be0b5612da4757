"""The training records of a variant: identified by a cached hash, and read only when they are needed.

The key of every model on a board needs the hash of its data. Reading 43,180 records for each would make a run without
any work to do take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from tcmbench.checksums import names_sha256
from tcmbench.data import location, reading
from tcmbench.errors import StoreError
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
    """The train split of a TCM-SD folder, and its dev split where there is one."""

    root: Path

    files: tuple[tuple[Path, str], ...]
    """Files and the sha256 of each."""

    sha256: str
    """Hash of what they say and in which order, whatever their format: what models are keyed by."""

    labels: frozenset[str]
    """Gold syndromes of all training records."""

    def read(self) -> Folder:
        """Return the records and the knowledge base; the last two folders read are kept.

        Raises:
            DataError: The data can't be used.
        """
        return _read(self.root, self.files)


class _Contents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    labels: frozenset[str]


def find(workspace: Workspace, variant: Variant) -> TrainingData:
    """Return what a variant is trained on; what has to be read for that is kept in the store, under its bytes' hash.

    Raises:
        DataError: The data can't be used.
    """
    root = location.locate(workspace, variant.data)
    hashes = reading.hashed(path for path in reading.files_in(root) if not path.name.startswith("."))
    files = tuple(hashes.items())
    name = key(_STAGE, names_sha256(hashes, root=root))
    if not workspace.store.has(KIND, name):
        from tcmbench.trainsets.contents import contents_sha256

        folder = _read(root, files)
        labels = sorted({label for record in folder.splits.get("train", ()) for label in record.labels})
        with workspace.store.build(KIND, name) as part:
            write_json(part / _FILE, {"sha256": contents_sha256(folder), "labels": [*labels]})
    path = workspace.store.path(KIND, name) / _FILE
    try:
        kept = _Contents.model_validate(read_json(path))
    except ValidationError as error:
        raise StoreError(f"{path}: not what tcmbench wrote: {error}. Delete it and run again.") from error
    return TrainingData(root, files, kept.sha256, kept.labels)


@lru_cache(maxsize=2)
def _read(root: Path, files: tuple[tuple[Path, str], ...]) -> Folder:
    """Read a folder whose files have these hashes; they are part of what is cached, so a changed folder is read again.

    Raises:
        DataError: The data can't be used, or isn't what the hashes were taken of.
    """
    from tcmbench.data.tcm_sd import find_splits, read_folder

    with reading.pinned(dict(files)):
        return read_folder(root, splits=["train", *(["dev"] if "dev" in find_splits(root) else [])])
