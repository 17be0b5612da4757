"""The files of a TCM-SD folder, by their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import reading, table_files
from tcmbench.errors import DataAbsent, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

KNOWLEDGE = "syndrome_knowledge"
"""Name of the file of the knowledge base, without its ending."""

_SPLIT = re.compile(r"(?:train|dev|test)(?:_\w+)?")
_SPLIT_ORDER = ("train", "dev", "test")
_VOCABULARY_FILE = re.compile(r"syndrome_vocab\.txt")
_LABEL_MAP_FILE = re.compile(r"label_map\w*\.(?:txt|csv)")

LAYOUT = (
    "A TCM-SD folder contains train, dev and test (also test_*) and syndrome_knowledge, as .jsonl or another format of "
    "tables, and optionally syndrome_vocab.txt and label_map*.txt."
)


class TcmSdFiles(NamedTuple):
    """The files of a folder."""

    splits: Mapping[str, Path]
    """By name, in the usual order."""

    knowledge: Path
    vocabulary: Path | None
    label_map: Path | None

    @property
    def common(self) -> tuple[Path, ...]:
        """Those that belong to every split."""
        return tuple(path for path in (self.knowledge, self.vocabulary, self.label_map) if path is not None)


def find_splits(root: Path) -> tuple[str, ...]:
    """Return the names of the splits a folder has (train, dev, test…), opening none; () for no folder."""
    names = {stem for path in reading.files_in(root) if is_split(stem := table_files.stem(path))}
    return tuple(sorted(names, key=lambda name: (_SPLIT_ORDER.index(name.partition("_")[0]), name)))


def is_split(name: str) -> bool:
    """Return whether TCM-SD has a split of this name."""
    return _SPLIT.fullmatch(name) is not None


def find(root: Path, wanted: Sequence[str] | None) -> TcmSdFiles:
    """Return the files of a folder, opening none.

    Args:
        root: The folder.
        wanted: Names of the splits; None for all there are.

    Raises:
        DataAbsent: The folder, its knowledge base or a wanted split is missing.
        DataError: Two files for the same thing.
    """
    if not reading.is_folder(root):
        raise DataAbsent(root, what="The TCM-SD folder", how=LAYOUT)
    knowledge = table_files.find(root, KNOWLEDGE)
    if not reading.exists(knowledge):
        raise DataAbsent(knowledge, what="The knowledge base", how=LAYOUT)
    names = find_splits(root) if wanted is None else tuple(dict.fromkeys(wanted))
    splits: dict[str, Path] = {}
    for name in names:
        path = table_files.find(root, name)
        if not reading.exists(path):
            have = ", ".join(find_splits(root)) or "none"
            raise DataAbsent(path, what=f"Split {name}", how=f"Existing splits: {have}. {LAYOUT}")
        splits[name] = path
    return TcmSdFiles(splits, knowledge, _only(root, _VOCABULARY_FILE), _only(root, _LABEL_MAP_FILE))


def _only(root: Path, pattern: re.Pattern[str]) -> Path | None:
    paths = [path for path in reading.files_in(root) if pattern.fullmatch(path.name)]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise DataError(f"{root}: expected one file of a kind, got {names}. Keep one, move the other away.")
    return paths[0] if paths else None
