"""A small workspace that really was measured, one for each file of tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tcmbench.cli import main
from tests.cli import gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.workspace import Workspace


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> Workspace:
    """A measured workspace with a set of a base and what a few steps of learning made of it."""
    place = gate.make(tmp_path_factory.mktemp("gate"), passages=synthetic_root / "general-synth/qa-retrieval")
    gate.measure(place)
    return place


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clean_environment: None
) -> Callable[..., tuple[int, str, str]]:
    """Runs `tcmbench` in this process; returns exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tcmbench", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def in_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: Callable[..., tuple[int, str, str]]
) -> Callable[..., tuple[int, str, str]]:
    """The same in an empty folder, with an empty store."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))
    return called


@pytest.fixture
def in_whole(
    whole: Workspace, monkeypatch: pytest.MonkeyPatch, called: Callable[..., tuple[int, str, str]]
) -> Callable[..., tuple[int, str, str]]:
    """The same in the measured workspace."""
    monkeypatch.chdir(whole.root)
    monkeypatch.setenv("TCMBENCH_CACHE", str(whole.cache))
    return called
