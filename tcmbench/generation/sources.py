"""The texts that queries are generated from: entries or records of a TCM-SD folder, or documents of other data."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from tcmbench import plugins
from tcmbench.data.formats import beir, gather
from tcmbench.data.recognise import BEIR, TCM_SD, recognise
from tcmbench.data.tcm_sd import read_folder
from tcmbench.errors import DataError, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.data.formats import Collection, CollectionFormat, RowFormat
    from tcmbench.data.tcm_sd import Folder, Syndrome

TextsFrom = Literal["", "entries", "records"]
"""Texts of a TCM-SD folder that are used; "" takes the entries, and is the only value for other data."""

TRAIN = "train"
"""The split whose records are used; queries made from those of another would be test data."""


class Origin(NamedTuple):
    """A text that queries are generated from."""

    text_id: str

    text: str

    documents: tuple[str, ...]
    """Ids of the documents that answer its queries, at least one."""

    forbidden: tuple[str, ...] = ()
    """Names that give the answer away."""


class QuerySource(NamedTuple):
    """Texts, and the corpus in which the documents of their queries must be found."""

    name: str

    kind: Literal["entries", "records", "documents"]

    origins: tuple[Origin, ...]

    corpus: Mapping[str, str]
    """Document id → text."""

    def sample(self, limit: int | None, *, seed: int) -> QuerySource:
        """Return at most `limit` of the texts, in their order; which ones depends on their ids and the seed only."""
        if limit is None or len(self.origins) <= limit:
            return self
        chosen = sorted(self.origins, key=lambda origin: digest(seed, origin.text_id))[:limit]
        kept = {origin.text_id for origin in chosen}
        return self._replace(origins=tuple(origin for origin in self.origins if origin.text_id in kept))


def digest(*parts: object) -> bytes:
    """Return a hash of the parts, for choices that depend on nothing else."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).digest()


def read(path: Path, *, texts_from: TextsFrom = "", format_name: str = "") -> QuerySource:
    """Return the texts and the corpus of a folder or file.

    Args:
        path: A TCM-SD folder, a BEIR folder, whose queries and judgements may be absent, or a file of pairs.
        texts_from: What of a TCM-SD folder is used.
        format_name: Format of `tcmbench list formats`, where the layout doesn't tell it.

    Raises:
        DataAbsent, BadLines, DataError: As the reader of the format.
        SpecError: `texts_from` for other data.
        UnknownName: No such format.
    """
    name = format_name or recognise(path)
    if name == TCM_SD and not format_name:
        is_of_records = texts_from == "records"
        folder = read_folder(path, splits=[TRAIN] if is_of_records else [])
        source = _records(folder) if is_of_records else _entries(folder)
    elif texts_from:
        raise SpecError(f"--from {texts_from}: expected a TCM-SD folder, got {path}. Leave it out for other data.")
    else:
        corpus = _documents(path, name)
        origins = tuple(Origin(doc_id, text, (doc_id,)) for doc_id, text in corpus.items())
        source = QuerySource(path.name, "documents", origins, corpus)
    if not source.origins:
        raise DataError(f"{path}: expected texts to generate queries from, got no {source.kind} with any.")
    return source


def _entries(folder: Folder) -> QuerySource:
    """Return the entries that consist of more than a name."""
    corpus = _corpus(folder)
    origins = (
        Origin(entry.doc_id, corpus[entry.doc_id], (entry.doc_id,), _names(folder, entry.doc_id))
        for entry in folder.knowledge
        if _has_content(entry)
    )
    return QuerySource(folder.root.name, "entries", tuple(origins), corpus)


def _records(folder: Folder) -> QuerySource:
    """Return the training records, whose queries are answered by the entries of their gold syndromes."""
    origins = (
        Origin(
            record.record_id,
            record.query(),
            record.labels,
            tuple(dict.fromkeys(name for label in record.labels for name in _names(folder, label))),
        )
        for record in folder.splits[TRAIN]
    )
    return QuerySource(folder.root.name, "records", tuple(origins), _corpus(folder))


def _corpus(folder: Folder) -> dict[str, str]:
    return {entry.doc_id: entry.document() for entry in folder.knowledge}


def _has_content(entry: Syndrome) -> bool:
    return bool(entry.definition or entry.manifestations or entry.diseases)


def _names(folder: Folder, label: str) -> tuple[str, ...]:
    """Return a syndrome's name, and then the names that the label map merges with it."""
    merged = folder.label_map.merged_with(label) if folder.label_map else frozenset[str]()
    return (label, *sorted(merged - {label}))


def _documents(path: Path, name: str) -> dict[str, str]:
    if name == BEIR:
        return beir.read_texts(path, "corpus")
    return {doc_id: document.full_text() for doc_id, document in _in_format(path, name).corpus.items()}


def _in_format(path: Path, name: str) -> Collection:
    module = plugins.load("formats", name)
    if module.HOLDS == "rows":
        return gather(cast("RowFormat", module).read(path)).collection
    return cast("CollectionFormat", module).read(path)
