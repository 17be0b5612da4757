"""A manifest finds whatever happened to an artefact's files."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench import manifests
from tcmbench.errors import DamagedArtefact
from tcmbench.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two artefacts of two files and a folder each."""
    store = Store(tmp_path)
    for key in ("aa1", "bb1"):
        with store.build("models", key) as part:
            (part / "outcome.json").write_text(f'{{"key": "{key}"}}', encoding="utf-8")
            (part / "model").mkdir()
            (part / "model" / "weights").write_bytes(key.encode() * 100)
            (part / "console.log").write_text("log", encoding="utf-8")
    return store


def test_an_artefact_is_bound_to_its_kind_and_key(store: Store) -> None:
    """The manifest says which, with the sha256 of every file."""
    written = json.loads((store.path("models", "aa1") / "manifest.json").read_text(encoding="utf-8"))
    assert (written["kind"], written["key"]) == ("models", "aa1")
    assert sorted(written["files"]) == ["console.log", "model/weights", "outcome.json"]
    assert store.open("models", "aa1") == store.path("models", "aa1")
    assert store.open("models", "cc1") is None


DAMAGE: dict[str, Callable[[Path], object]] = {
    "content doesn't match": lambda folder: (folder / "model/weights").write_bytes(b"bb1" * 100),
    "is missing": lambda folder: (folder / "outcome.json").unlink(),
    "not in the manifest": lambda folder: (folder / "model/added").write_text("x"),
    "expected models/aa1, but it holds models/bb1": lambda folder: shutil.copy(
        folder.parent.parent / "bb/bb1/manifest.json", folder
    ),
    "expected a manifest": lambda folder: (folder / "manifest.json").write_text('{"kind": "models"}'),
    "occurs twice": lambda folder: (folder / "manifest.json").write_text('{"kind": "models", "kind": "models"}'),
    "has no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "can't be read": lambda folder: ((folder / "outcome.json").unlink(), (folder / "outcome.json").symlink_to("gone")),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damage_is_named(store: Store, message: str) -> None:
    """The message says which file, what about it, and what to do."""
    DAMAGE[message](store.path("models", "aa1"))
    with pytest.raises(DamagedArtefact, match=message) as error:
        store.open("models", "aa1")
    assert "Run again to rebuild it" in str(error.value)
    assert not store.has("models", "aa1")


def test_only_what_is_used_is_compared(store: Store) -> None:
    """A log that was edited costs nobody a model; a part that never was is missed."""
    (store.path("models", "aa1") / "console.log").write_text("edited", encoding="utf-8")
    (store.path("models", "aa1") / ".DS_Store").write_text("left by a file manager", encoding="utf-8")
    assert store.has("models", "aa1", "outcome.json", "model")
    assert not store.has("models", "aa1")
    assert not store.has("models", "aa1", "dev.jsonl")


def test_a_damaged_artefact_gives_way_to_a_new_one(store: Store) -> None:
    """It stays until the new one is whole."""
    folder = store.path("models", "aa1")
    (folder / "outcome.json").write_text("edited", encoding="utf-8")
    with pytest.raises(RuntimeError), store.build("models", "aa1"):
        raise RuntimeError
    assert (folder / "outcome.json").read_text(encoding="utf-8") == "edited"
    with store.build("models", "aa1") as part:
        (part / "outcome.json").write_text("new", encoding="utf-8")
    assert store.has("models", "aa1")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["aa1"]
    assert (folder / "outcome.json").read_text(encoding="utf-8") == "new"


def test_an_artefact_of_an_earlier_version_is_adopted_as_it_is(store: Store) -> None:
    """From then on a change is found."""
    folder = store.path("models", "aa1")
    (folder / "manifest.json").unlink()
    store.adopt("models", "aa1")
    assert store.has("models", "aa1")
    (folder / "outcome.json").write_text("edited", encoding="utf-8")
    assert not store.has("models", "aa1")


def test_a_checkpoint_has_a_manifest_too(tmp_path: Path) -> None:
    """It is described as it is, hidden files and the manifest itself left out."""
    (tmp_path / ".hidden").write_text("x", encoding="utf-8")
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "a").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    expected = {"kind": "checkpoint", "key": "k", "files": {"a": empty}}
    assert manifests.describe(tmp_path, kind="checkpoint", key="k") == expected
