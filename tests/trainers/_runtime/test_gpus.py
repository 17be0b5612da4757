"""A training sees as many GPUs as its recipe says, the first of those that it may use."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tcmbench.trainers import TrainingJob
from tcmbench.trainers._runtime import gpus
from tests.trainers.tiny import embedding_rows, make_job, plan, write_rows


@pytest.fixture(autouse=True)
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for /dev, and nothing inherited."""
    folder = tmp_path / "dev"
    folder.mkdir()
    monkeypatch.setattr(gpus, "_DEVICE_FILES", folder)
    monkeypatch.delenv(gpus.VARIABLE, raising=False)
    return folder


def plug(devices: Path, *numbers: int) -> None:
    """Make the files that the driver makes: one a GPU, and those of the driver itself."""
    for name in ("nvidiactl", "nvidia-uvm", "nvidia-caps", *(f"nvidia{number}" for number in numbers)):
        (devices / name).touch()


def job_of(folder: Path, base: Base, *, trainer: str, wanted: int = 1, device: str = "") -> TrainingJob:
    """Return a job that may be trained on a GPU; its base is there by name only, since it is only planned."""
    base_dir = folder / "base"
    base_dir.mkdir()
    (base_dir / "model.safetensors").touch()
    job = make_job(
        folder, base=base, base_dir=base_dir, rows=8 * wanted, trainer=trainer,
        training={"options": {"devices": wanted} if wanted > 1 else {}},
        train_file=write_rows(folder / "train.jsonl", embedding_rows(8 * wanted)),
    )  # fmt: skip
    return dataclasses.replace(job, device=device)


@pytest.mark.parametrize(
    ("numbers", "inherited", "expected"),
    [
        ((), None, ()),
        ((), "0", ()),
        ((0, 1, 2), None, ("0", "1", "2")),
        ((3,), None, ("0",)),
        ((0, 1, 2), "2, 0", ("2", "0")),
        ((0, 1), "", ()),
        ((0, 1), "-1", ()),
        ((0, 1), "1,-1,0", ("1",)),
        ((0, 1), "0,7,1", ("0",)),
        ((0, 1), "NoDevFiles", ()),
        ((0, 1), "GPU-8932f937,MIG-1a2b", ("GPU-8932f937", "MIG-1a2b")),
    ],
)
def test_visible_gpus_are_those_that_cuda_would_see(
    devices: Path, monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, ...], inherited: str | None,
    expected: tuple[str, ...],
) -> None:  # fmt: skip
    """Numbered from 0, or as the variable lists them, up to its first name that is none."""
    if numbers:
        plug(devices, *numbers)
    if inherited is not None:
        monkeypatch.setenv(gpus.VARIABLE, inherited)
    assert expected == gpus.visible()


@pytest.mark.parametrize("trainer", ["swift", "sentence_transformers"])
@pytest.mark.parametrize(("inherited", "expected"), [(None, "0"), ("3,1", "3")])
def test_one_gpu_is_all_that_a_training_on_one_sees(
    devices: Path, tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch,
    trainer: str, inherited: str | None, expected: str,
) -> None:  # fmt: skip
    """On a machine of four the first is shown, of those that were shown to us; on its CPU nothing is set."""
    plug(devices, 0, 1, 2, 3)
    if inherited is not None:
        monkeypatch.setenv(gpus.VARIABLE, inherited)
    job = job_of(tmp_path, embedding_base, trainer=trainer)
    assert plan(job).environment[gpus.VARIABLE] == expected
    on_cpu = dataclasses.replace(job, device="cpu")
    assert gpus.VARIABLE not in plan(on_cpu).environment


def test_several_gpus_are_the_first_ones(
    devices: Path, tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the three that were shown to us, in their order."""
    plug(devices, 0, 1, 2, 3)
    monkeypatch.setenv(gpus.VARIABLE, "2,0,3")
    job = job_of(tmp_path, embedding_base, trainer="swift", wanted=2)
    assert plan(job).environment[gpus.VARIABLE] == "2,0"


@pytest.mark.parametrize(
    ("numbers", "inherited", "device", "said"),
    [
        ((0, 1), None, "", r"devices = 4, but 2 GPUs are visible\. Make more"),
        ((0, 1, 2, 3), "1", "", r"devices = 4, but 1 GPU is visible \(CUDA_VISIBLE_DEVICES=1\)\. Make more"),
        ((), None, "cuda", r"devices = 4, but 0 GPUs are visible"),
    ],
)
def test_too_few_gpus_are_an_error_before_the_start(
    devices: Path, tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch,
    numbers: tuple[int, ...], inherited: str | None, device: str, said: str,
) -> None:  # fmt: skip
    """The message says how many there are, and why."""
    if numbers:
        plug(devices, *numbers)
    if inherited is not None:
        monkeypatch.setenv(gpus.VARIABLE, inherited)
    job = job_of(tmp_path, embedding_base, trainer="swift", wanted=4, device=device)
    with pytest.raises(SpecError, match=said):
        plan(job)


def test_without_a_gpu_nothing_changes(tmp_path: Path, embedding_base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU no variable is set and no device is missed."""
    monkeypatch.setenv(gpus.VARIABLE, "0")
    job = job_of(tmp_path, embedding_base, trainer="swift", wanted=2)
    assert gpus.device(job) == "cpu"
    assert gpus.VARIABLE not in plan(job).environment
