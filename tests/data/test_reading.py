"""Paths that can't be read say why and what to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tcmbench.data import reading
from tcmbench.errors import DataAbsent, DataError

if TYPE_CHECKING:
    from pathlib import Path


def test_bytes_come_in_order(tmp_path: Path) -> None:
    """All of them."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000 + b"y")

    assert b"".join(reading.chunks(path)) == path.read_bytes()


def test_no_file_is_absent(tmp_path: Path) -> None:
    """With the path."""
    with pytest.raises(DataAbsent, match=r"expected .*nowhere"):
        list(reading.chunks(tmp_path / "nowhere"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Nor are its bytes hashed."""
    for read in (lambda: list(reading.chunks(tmp_path)), lambda: reading.hashed([tmp_path])):
        with pytest.raises(DataError, match="expected a file, got a folder"):
            read()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening one would block until somebody writes."""
    os.mkfifo(tmp_path / "pipe")

    for read in (lambda path: list(reading.chunks(path)), lambda path: reading.hashed([path])):
        with pytest.raises(DataError, match="a device or pipe"):
            read(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["名" * 300, "a\0b", "\udcff\ud800"], ids=["long", "NUL", "half a character"])
def test_names_that_no_file_can_have_are_refused(tmp_path: Path, name: str) -> None:
    """With what to do."""
    with pytest.raises(DataError, match=r"Check its name|Rename it"):
        list(reading.chunks(tmp_path / name))


def test_a_file_below_a_file_is_absent(tmp_path: Path) -> None:
    """It isn't there."""
    (tmp_path / "file").write_text("x")

    assert not reading.exists(tmp_path / "file/below")
    with pytest.raises(DataError, match="file/below"):
        list(reading.chunks(tmp_path / "file/below"))


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the operating system's reason."""
    path = tmp_path / "secret"
    path.write_text("x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"secret: .*Permission denied\. Check its name and permissions"):
        list(reading.chunks(path))
