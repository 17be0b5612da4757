"""A short run over every kind of artefact; `python -m tests.fuzz.flip_bits` is the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.artefacts import Artefact, Artefacts
from tests.fuzz.flip_bits import flip

if TYPE_CHECKING:
    from pathlib import Path


def test_flipped_bits_give_no_other_value(tmp_path: Path) -> None:
    """What is damaged is rebuilt, set aside or refused, and never taken for what was written."""
    with Artefacts(tmp_path) as made:
        artefacts = made.all()
        outcome = flip(artefacts, flips=2 * len(artefacts), seed=1)

    assert outcome.failures == []
    assert outcome.flips == 2 * len(artefacts)
    assert sum(counts["harmless"] for counts in outcome.counts.values()) < outcome.flips / 4


@pytest.mark.parametrize(
    ("fallback", "message"),
    [(b"", "AssertionError: expected b'1234', got"), (None, "AssertionError: nothing was said")],
)
def test_a_reader_that_trusts_its_file_is_reported(tmp_path: Path, fallback: bytes | None, message: str) -> None:
    """Another value counts as a failure, and so does one in its place of which nothing is said."""
    path = tmp_path / "file"
    path.write_bytes(b"1234")

    def use() -> bytes | None:
        value = path.read_bytes()
        return value if fallback == b"" or value == b"1234" else fallback

    outcome = flip({"file": Artefact(path, use, (fallback,))}, flips=3, seed=0)
    assert len(outcome.failures) == 3
    assert all(message in failure for failure in outcome.failures)
    assert path.read_bytes() == b"1234"
