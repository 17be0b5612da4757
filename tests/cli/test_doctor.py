"""`tcmbench doctor` on the processor: cores, threads, and what they do while they wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tcmbench import processor, shared_folder
from tcmbench.cli import doctor
from tcmbench.shared_folder import Mount
from tcmbench.workspace import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]


def _hardware(called: Cli) -> dict[str, dict[str, str]]:
    _, out, _ = called("doctor", "--json")
    return {finding["name"]: finding for finding in json.loads(out) if finding["area"] == "hardware"}


@pytest.mark.parametrize(("has_instructions", "said"), [(True, "in hardware"), (False, "slower than float32")])
def test_cores_threads_and_bfloat16_are_shown(
    called: Cli, monkeypatch: pytest.MonkeyPatch, has_instructions: bool, said: str
) -> None:
    """A training has half of the cores, and waiting threads sleep: the command line sees to both."""
    monkeypatch.setattr(processor, "computes_bfloat16", lambda: has_instructions)
    monkeypatch.setattr(processor, "cores", lambda: 1)
    monkeypatch.delenv(processor.THREADS, raising=False)
    monkeypatch.delenv(processor.WAITING, raising=False)
    # Only its own part: the others import every package.
    monkeypatch.setattr(doctor, "_packages", list)
    monkeypatch.setattr(doctor, "_models", lambda _: [])
    hardware = _hardware(called)
    assert "usable cores: 1" in hardware["processor"]["detail"]
    assert said in hardware["processor"]["detail"]
    assert hardware["threads"]["detail"] == "1 to measure, 1 to train; those that wait sleep"
    monkeypatch.setenv(processor.WAITING, "active")
    hardware = _hardware(called)
    assert hardware["threads"]["state"] == "note"
    assert hardware["threads"]["detail"].endswith("spin (OMP_WAIT_POLICY=active)")
    assert "unset OMP_WAIT_POLICY" in hardware["threads"]["remedy"]


@pytest.mark.parametrize(
    ("obstacle", "mount", "state", "said"),
    [
        ("", Mount("ext4", ()), "ok", "locks and renames of one process hold for others"),
        ("nfs has no flock", Mount("nfs", ()), "note", "nfs has no flock"),
        ("", Mount("nfs4", ("local_lock=all",)), "note", "nfs4 is mounted with local_lock=all: locks are valid on one"),
    ],
)
def test_whether_the_store_can_be_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str, mount: Mount, state: str, said: str
) -> None:
    """By a trial with a second process, and by the options of its mount."""
    monkeypatch.setattr(shared_folder, "trial", lambda _: obstacle)
    monkeypatch.setattr(shared_folder, "mount", lambda _: mount)
    folder, sharing = doctor._store(find(tmp_path, cache=tmp_path))
    assert folder.detail == f"{tmp_path} ({mount.kind})"
    assert sharing.state == state
    assert sharing.detail.startswith(said)
    assert bool(sharing.remedy) == (state == "note")


def test_a_store_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    """It is checked once it is there."""
    (finding,) = doctor._store(find(tmp_path, cache=tmp_path / "store"))
    assert "doesn't exist yet" in finding.detail
    assert not (tmp_path / "store").exists()
