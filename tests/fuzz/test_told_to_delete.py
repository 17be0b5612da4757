"""What messages tell people to do with a damaged artefact is done, and what is made again is what was there before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_main import called
from tests.fuzz.artefacts import Artefact, Artefacts

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = (
    "baseline", "board", "candidates", "checkpoint", "contents", "costs", "embeddings", "failure", "generated data",
    "leaks", "score", "score of a mean", "status", "training set", "tuned model",
)  # fmt: skip
KEPT = frozenset({"baseline"})
"""Not in the store: its message says to take it from version control, or to write it anew."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace with its store."""
    return tmp_path_factory.mktemp("artefacts")


@pytest.fixture(scope="module")
def artefacts(root: Path) -> Iterator[dict[str, Artefact]]:
    """Every kind of artefact."""
    with Artefacts(root) as made:
        yield made.all()


def files_of(artefact: Artefact) -> list[Path]:
    """Return the files of an artefact, but for locks and other hidden ones; of each folder in it one."""
    found = sorted(artefact.path.rglob("*")) if artefact.path.is_dir() else [artefact.path]
    files = [path for path in found if path.is_file() and not path.name.startswith(".")]
    nested = {path.parent: path for path in files if path.parent != artefact.path}
    return [path for path in files if path.parent in {artefact.path, artefact.path.parent}] + list(nested.values())[:2]


def damage(path: Path) -> None:
    """Change a byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def test_every_kind_is_tried(artefacts: dict[str, Artefact]) -> None:
    """A new kind of artefact is held to its messages too."""
    assert sorted(artefacts) == sorted(KINDS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in KEPT])
def test_delete_it_and_run_again_is_true(artefacts: dict[str, Artefact], kind: str) -> None:
    """Of any one file, and of the whole folder."""
    artefact = artefacts[kind]
    expected = (artefact.use(), *artefact.fallbacks)
    for path in [*files_of(artefact), artefact.path]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        assert artefact.use() in expected, path.name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in KEPT])
def test_run_again_or_remove_it_is_true(
    artefacts: dict[str, Artefact], root: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tcmbench cache verify --delete` removes what is damaged, and the next use makes it again."""
    artefact = artefacts[kind]
    expected = (artefact.use(), *artefact.fallbacks)
    monkeypatch.setenv("TCMBENCH_CACHE", str(root / "store"))
    for path in filter(Path.exists, files_of(artefact)[:2]):
        damage(path)
        assert called("cache", "verify", "--delete", "--yes") in {0, 2}
        assert artefact.use() in expected, path.name
