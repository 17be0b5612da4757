"""The store keeps whole artefacts or none."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcmbench.checksums import file_sha256, tree_sha256
from tcmbench.errors import StorageError, StoreError
from tcmbench.store import Store, atomic_write, canonical_json, key, read_checked, read_json, write_json, write_text


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A write that fails changes nothing and leaves nothing behind."""
    path = tmp_path / "scores.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError, match="disk"), atomic_write(path) as part:
        part.write_text("half", encoding="utf-8")
        raise RuntimeError("disk")
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "got a folder"),
        ("file/a.json", "file"),
        ("file/a/b.json", "file"),
        ("a" * 250, "name too long"),
        ("a" * 300, "name too long"),
    ],
)
def test_a_path_that_no_file_can_be_written_to_is_named(tmp_path: Path, name: str, reason: str) -> None:
    """A folder, what is below a file and an impossible name are mistakes of the user; all stays as it was."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("here", encoding="utf-8")
    with pytest.raises(StoreError, match=f"(?i){reason}.*Choose another path") as caught:
        write_json(tmp_path / name, {"a": 1})
    assert str(caught.value).startswith(f"{tmp_path / name}: expected a ")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.EACCES, r"Choose another path .* change its permissions"), (errno.ENOSPC, "Free some")],
)
def test_a_full_disk_is_no_mistake_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    """A folder that may not be written to is another matter than one without room."""

    def refuse(**_: object) -> None:
        raise OSError(number, "refused", str(tmp_path))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(StorageError, match=f"refused.*{advice}"):
        write_json(tmp_path / "a.json", {})


def test_pipes_and_descriptors_are_written_into(tmp_path: Path) -> None:
    """And stay what they are: `--json /dev/stdout` of a root user must not replace it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with (tmp_path / "file").open("wb") as file:
        write_text(pipe, "一\n")
        write_text(Path(f"/dev/fd/{file.fileno()}"), "二\n")
        write_text(Path(f"/dev/fd/{file.fileno()}"), "三\n")
    assert os.read(reader, 100) == "一\n".encode()
    os.close(reader)
    assert pipe.is_fifo()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "二\n三\n"
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "file"}


def test_failed_build_leaves_no_artefact(tmp_path: Path) -> None:
    """An artefact whose making fails doesn't exist afterwards."""
    store = Store(tmp_path)
    with pytest.raises(RuntimeError, match="killed"), store.build("scores", "abcd") as part:
        (part / "score.json").write_text("{}", encoding="utf-8")
        raise RuntimeError("killed")
    assert not store.has("scores", "abcd")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_second_build_of_a_key_keeps_the_first(tmp_path: Path) -> None:
    """Two processes that make the same artefact leave one, whole."""
    store = Store(tmp_path)
    for text in ("first", "second"):
        with store.build("scores", "abcd") as part:
            (part / "score.json").write_text(text, encoding="utf-8")
    assert (store.path("scores", "abcd") / "score.json").read_text(encoding="utf-8") == "first"


def test_an_artefact_of_other_inputs_is_replaced(tmp_path: Path) -> None:
    """Where equal keys may be different contents, the caller says so."""
    store = Store(tmp_path)
    for text in ("first", "second"):
        with store.build("cured", "abcd", replaces=True) as part:
            (part / "outcome.json").write_text(text, encoding="utf-8")
    assert (store.path("cured", "abcd") / "outcome.json").read_text(encoding="utf-8") == "second"
    assert not list(tmp_path.rglob("*.part"))


def test_damaged_json_names_the_file(tmp_path: Path) -> None:
    """A damaged file is named, with what to do."""
    path = tmp_path / "score.json"
    path.write_text('{"a": ', encoding="utf-8")
    with pytest.raises(StoreError, match=r"score\.json.*Delete it"):
        read_json(path)


def _hold(root: Path, ready: multiprocessing.synchronize.Event, done: multiprocessing.synchronize.Event) -> None:
    with Store(root).lock("models", "abcd"):
        ready.set()
        done.wait(600)


def test_lock_of_another_process_is_named(tmp_path: Path) -> None:
    """A lock that another process holds is an error after the timeout, not a wait for ever."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready, done), daemon=True)
    process.start()
    assert ready.wait(600)
    with pytest.raises(StoreError, match="another process"), Store(tmp_path).lock("models", "abcd", timeout=0.1):
        pass
    done.set()
    process.join()


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=5))
def test_key_ignores_the_order_of_fields(value: dict[str, int | str | bool]) -> None:
    """Equal contents have equal keys, however they were put together."""
    turned = dict(reversed(value.items()))
    assert key("stage", dict(value)) == key("stage", turned)
    assert canonical_json(dict(value)) == canonical_json(turned)


def test_key_depends_on_stage_and_value() -> None:
    """Another stage or value is another key."""
    keys = {key("a 1", {"x": 1}), key("a 2", {"x": 1}), key("a 1", {"x": 2})}
    assert len(keys) == 3


def test_tree_hash_sees_names_and_bytes(tmp_path: Path) -> None:
    """The hash of a folder changes with a byte, with a name, and with nothing else."""
    (tmp_path / "a.txt").write_text("1", encoding="utf-8")
    (tmp_path / "b.txt").write_text("2", encoding="utf-8")
    files = sorted(tmp_path.iterdir())
    first = tree_sha256(files, root=tmp_path)
    assert first == tree_sha256(reversed(files), root=tmp_path)
    (tmp_path / "b.txt").write_text("3", encoding="utf-8")
    assert first != tree_sha256(files, root=tmp_path)
    assert len(file_sha256(tmp_path / "a.txt")) == 64


def test_names_that_are_no_text_are_hashed(tmp_path: Path) -> None:
    """A file system may hold names that are no UTF-8."""
    paths = [tmp_path / os.fsdecode(name) for name in (b"caf\xe9", b"caf\xe8")]
    for path in paths:
        path.write_bytes(b"x")

    assert tree_sha256(paths[:1], root=tmp_path) != tree_sha256(paths[1:], root=tmp_path)


class RememberedAbsence:
    """A client of NFS: a name that didn't exist once doesn't exist until its folder is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._absent: set[Path] = set()
        exists, opened = Path.exists, os.open

        def remembered(path: Path, **more: bool) -> bool:
            if self._absent & {path, *path.parents}:
                return False
            if not exists(path, **more):
                self._absent.add(path)
                return False
            return True

        def refreshing(path: Any, *flags: Any, **more: Any) -> int:
            if self._absent & {Path(path), *Path(path).parents}:
                raise FileNotFoundError(path)
            self._absent = {absent for absent in self._absent if absent.parent != Path(path)}
            return opened(path, *flags, **more)

        monkeypatch.setattr(Path, "exists", remembered)
        monkeypatch.setattr(os, "open", refreshing)


def test_what_another_machine_has_made_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though this one has looked before, and its network file system remembers that there was nothing."""
    store, note = Store(tmp_path / "store"), tmp_path / "store/failures/ab/ab1.json"
    with monkeypatch.context() as patch:
        RememberedAbsence(patch)
        assert not store.has("scores", "ab1")
        assert store.open("scores", "ab1") is None
        with pytest.raises(FileNotFoundError):
            read_checked(note)
        code = (
            "import pathlib, sys; from tcmbench.store import Store, write_checked\n"
            "with Store(pathlib.Path(sys.argv[1])).build('scores', 'ab1') as folder: (folder / 'a').touch()\n"
            "write_checked(pathlib.Path(sys.argv[2]), {'key': 'ab1'})"
        )
        subprocess.run([sys.executable, "-c", code, str(store.root), str(note)], check=True)
        assert not Path.exists(store.path("scores", "ab1"))
        assert store.has("scores", "ab1")
        assert store.open("scores", "ab1") is not None
        assert read_checked(note) == {"key": "ab1"}
