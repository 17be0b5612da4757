"""Whether processes can share a folder, and what a mount says about its locks."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from tcmbench import shared_folder


def test_a_local_folder_can_be_shared(tmp_path: Path) -> None:
    """A second process is refused the lock, and its file is seen here; nothing is left."""
    folder = tmp_path / "store"
    assert shared_folder.trial(folder) == ""
    assert list(folder.iterdir()) == []


def test_another_folder_is_no_shared_one(tmp_path: Path) -> None:
    """A machine that has no such folder, or one of its own under the same name."""
    with shared_folder.probe(tmp_path) as place:
        assert shared_folder.obstacle(place) == ""
        assert shared_folder.answers(place) == 1
        (place / "token").write_text("another", encoding="utf-8")
        assert shared_folder.obstacle(place) == f"{tmp_path} is not the same folder here"
    assert "is not the same folder here, or was not seen in time" in shared_folder.obstacle(place)


def test_a_lock_that_holds_nobody_off_is_named(tmp_path: Path) -> None:
    """As on a mount whose locks are valid on one machine only."""
    place = tmp_path / "probe"
    place.mkdir()
    (place / "token").write_text(place.name, encoding="utf-8")
    assert "that another process holds can be taken here as well" in shared_folder.obstacle(place)
    assert shared_folder.answers(place) == 0


def test_a_file_system_without_flock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are then files, which outlive a killed process."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refused)
    monkeypatch.setattr(shared_folder, "_CHILD", f"import errno, fcntl\n{_REFUSING}{shared_folder._CHILD}")
    monkeypatch.setattr(shared_folder, "mount", lambda _: shared_folder.Mount("nfs", ()))
    assert shared_folder.trial(tmp_path) == "nfs has no flock: a killed process leaves its locks behind"


_REFUSING = """
def refused(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = refused
"""
"""The same in the second process."""


@pytest.mark.parametrize(
    ("line", "weakness"),
    [
        ("server:/x {} nfs4 rw,local_lock=none,vers=4.2 0 0", ""),
        (
            "server:/x {} nfs rw,nolock,local_lock=all 0 0",
            "nfs is mounted with nolock, local_lock=all: locks are valid",
        ),
        ("x@tcp:/y {} lustre rw,localflock 0 0", "lustre is mounted with localflock: locks are valid"),
        ("/dev/sda1 {} ext4 rw,nolock 0 0", ""),
    ],
)
def test_the_mount_says_whether_locks_hold_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, weakness: str
) -> None:
    """The innermost mount counts, also of a folder that doesn't exist yet, and one with a space in its name."""
    inner = tmp_path / "big disk"
    mounts = tmp_path / "mounts"
    named = str(inner).replace(" ", "\\040")
    mounts.write_text(f"/dev/root / ext4 rw 0 0\n{line.format(named)}\n", encoding="utf-8")
    monkeypatch.setattr(shared_folder, "_MOUNTS", mounts)
    assert shared_folder.mount(inner / "store").kind == line.split()[2]
    assert shared_folder.mount(inner / "store").weakness.startswith(weakness)
    assert bool(shared_folder.mount(inner / "store").weakness) == bool(weakness)
    assert shared_folder.mount(Path("/elsewhere")).kind == "ext4"
