"""What texts are known by in batches: a hash, equal for texts that differ in case, width or white space only."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tcmbench.text.ngrams import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tcmbench.data.tcm_sd import Syndrome

GROUP = "="
"""What the labels of groups begin with, and no id of a document does."""


def text_key(text: str) -> int:
    """Return the hash of a text, of 64 bits: two of a million different texts share one with a chance of 3e-8."""
    return int.from_bytes(hashlib.blake2b(normalise(text).encode(), digest_size=8).digest(), "little")


def group_key(group: str) -> int:
    """Return the hash of a group, other than that of a text."""
    return int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8, person=b"group").digest(), "little")


def query_key(query: str) -> str:
    """Return what a query is known by among labels, as none of a document or a group is written."""
    return f"?{written(text_key(query))}"


def written(key: int) -> str:
    """Return a hash as 16 digits."""
    return f"{key:016x}"


class Keys:
    """What the labels of a source are known by in all sources."""

    def __init__(self, of: Mapping[str, frozenset[str]]) -> None:
        """Take the keys of each document by its id; labels that are none are keys already, or groups."""
        self._of = of

    @classmethod
    def of_documents(cls, documents: Iterable[Syndrome], families: Mapping[str, str]) -> Keys:
        """Return the keys of documents: their text, and that of their family (see `pairs.families`)."""
        texts = {document.doc_id: written(text_key(document.document())) for document in documents}
        return cls({doc_id: frozenset({text, texts[families[doc_id]]}) for doc_id, text in texts.items()})

    def of(self, labels: Iterable[str]) -> frozenset[str]:
        """Return the keys of an example with these labels."""
        keys: set[str] = set()
        for label in labels:
            if label in self._of:
                keys |= self._of[label]
            else:
                keys.add(written(group_key(label.removeprefix(GROUP))) if label.startswith(GROUP) else label)
        return frozenset(keys)
