"""What texts are known by in batches: a hash, equal for texts that differ in case, width or white space only."""

from __future__ import annotations

import hashlib

from tcmbench.text.ngrams import normalise


def text_key(text: str) -> int:
    """Return the hash of a text, of 64 bits: two of a million different texts share one with a chance of 3e-8."""
    return int.from_bytes(hashlib.blake2b(normalise(text).encode(), digest_size=8).digest(), "little")


def group_key(group: str) -> int:
    """Return the hash of a group, other than that of a text."""
    return int.from_bytes(hashlib.blake2b(f"={group}".encode(), digest_size=8, person=b"group").digest(), "little")


def written(key: int) -> str:
    """Return a hash as 16 digits."""
    return f"{key:016x}"
