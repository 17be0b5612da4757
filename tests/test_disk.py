"""What the operating system refuses to write, in words."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from tcmbench import disk
from tcmbench.errors import StorageError
from tcmbench.store import Store, atomic_write, write_json


def test_a_full_disk_names_the_folder_and_its_room(tmp_path: Path) -> None:
    """`write` gives an error without a file's name."""
    with (
        pytest.raises(
            StorageError, match=rf"^{tmp_path}/a: expected free space to write, but: .* GiB are free in {tmp_path}\."
        ),
        disk.writing(tmp_path / "a"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO])
def test_a_device_that_refuses_leaves_nothing(tmp_path: Path, number: int) -> None:
    """Neither the file nor its beginning; what was there before is there still."""
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(StorageError, match=r"a\.json: expected"), atomic_write(tmp_path / "a.json") as part:
        part.write_text("2", encoding="utf-8")
        raise OSError(number, os.strerror(number))
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "1\n"


def test_other_errors_of_what_is_written_stay_what_they_are(tmp_path: Path) -> None:
    """An input that is gone says nothing about the output."""
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "out" / "a.json"):
        (tmp_path / "in").read_bytes()


def test_an_artefact_that_finds_no_room_is_not_there(tmp_path: Path) -> None:
    """And no part of it."""
    store = Store(tmp_path)
    with pytest.raises(StorageError, match="expected free space to write"), store.build("scores", "ab12") as part:
        (part / "score.json").write_text("{", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [path.name for path in tmp_path.rglob("*")] == ["scores", "ab"]


@pytest.mark.parametrize("call", ["lock", "build", "is_locked"])
def test_a_store_that_is_a_file_is_refused(tmp_path: Path, call: str) -> None:
    """With its path; it isn't taken for one that another process works on."""
    (tmp_path / "store").write_text("", encoding="utf-8")
    store = Store(tmp_path / "store")
    with pytest.raises(
        StorageError, match=rf"{tmp_path}/store/scores/.*: expected a location where a file can be written"
    ):
        if call == "is_locked":
            store.is_locked("scores", "ab12")
        else:
            with getattr(store, call)("scores", "ab12"):
                pass


def test_anothers_folder_is_said_to_be_anothers(tmp_path: Path) -> None:
    """Whose it is, and who asks."""
    if os.geteuid() != 0:
        pytest.skip("giving a folder away needs root")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    error = disk.refusal(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "theirs/a")))
    assert f"; {tmp_path}/theirs belongs to user 12345, this process is user 0." in str(error)


def test_a_read_only_store_still_answers(tmp_path: Path) -> None:
    """What is stored is read; what would be written is refused."""
    store = Store(tmp_path / "disk")
    with store.build("scores", "ab12") as part:
        (part / "score.json").write_text("{}", encoding="utf-8")
    mount = ["mount", "--bind", str(store.root), str(store.root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a read-only file system has to be mounted, which this process may not do: run it as root")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(store.root)], check=True)
        assert store.has("scores", "ab12", "score.json")
        with pytest.raises(StorageError, match="Read-only file system"), store.build("scores", "cd34"):
            pass
    finally:
        subprocess.run(["umount", str(store.root)], check=True)
