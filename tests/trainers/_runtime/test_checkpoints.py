"""A checkpoint counts where all of its files are as they were written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tcmbench.trainers._runtime import checkpoints


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training's folder with whole checkpoints of the steps 9 and 10."""
    for number in (9, 10):
        write_checkpoint(tmp_path, number)
        checkpoints.record(tmp_path / f"checkpoint-{number}")
    return tmp_path


def write_checkpoint(run: Path, number: int) -> Path:
    """Write a checkpoint without its checksums."""
    folder = run / f"checkpoint-{number}"
    (folder / "optimizer").mkdir(parents=True)
    (folder / "optimizer" / "state.pt").write_bytes(os.urandom(100))
    (folder / "model.safetensors").write_bytes(os.urandom(1000))
    (folder / "trainer_state.json").write_text('{"log_history": [{"loss": 1.0, "step": 1}]}', encoding="utf-8")
    return folder


def test_the_newest_whole_checkpoint_counts(run: Path) -> None:
    """10 comes after 9; a folder that is still without checksums, or with another name, is none."""
    write_checkpoint(run, 11)
    (run / "checkpoint-last").mkdir()
    assert checkpoints.newest(run) == run / "checkpoint-10"
    assert checkpoints.newest(run / "absent") is None
    assert checkpoints.log_history(run / "checkpoint-10") == [{"loss": 1.0, "step": 1}]


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer/state.pt", "trainer_state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_checkpoint_is_passed_over(run: Path, name: str, damage: str) -> None:
    """Whichever file lost its end, a bit or itself: the training goes on from the checkpoint before."""
    path = run / "checkpoint-10" / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-20] if damage == "cut" else bytes([whole[0] ^ 1]) + whole[1:])
    assert checkpoints.newest(run) == run / "checkpoint-9"


def test_a_checkpoint_that_was_copied_over_another_is_passed_over(run: Path) -> None:
    """Whole as it is, it is that of another step."""
    shutil.rmtree(run / "checkpoint-10")
    shutil.copytree(run / "checkpoint-9", run / "checkpoint-10")
    assert checkpoints.newest(run) == run / "checkpoint-9"


def test_files_that_a_trainer_adds_later_change_nothing(run: Path) -> None:
    """Only what was recorded is gone on from."""
    (run / "checkpoint-10" / "args.json").write_text("{}", encoding="utf-8")
    assert checkpoints.newest(run) == run / "checkpoint-10"


def test_without_a_whole_checkpoint_the_training_begins_anew(run: Path) -> None:
    """Where the disk was full for all of them there is none to go on from."""
    for folder in run.glob("checkpoint-*"):
        os.truncate(folder / "model.safetensors", 10)
    assert checkpoints.newest(run) is None
