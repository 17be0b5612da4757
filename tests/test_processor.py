"""Cores, threads and precision of the processor."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tcmbench import processor


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight cores whose control groups are files of a folder; no number of threads is set."""
    monkeypatch.setattr(processor, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(processor, "_OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(processor.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv(processor.THREADS, raising=False)
    return tmp_path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_cores_are_those_of_the_affinity_and_the_quota(machine: Path) -> None:
    """The smallest quota of the group and those around it counts, in either version of control groups."""
    assert processor.cores() == 8
    _write(machine / "own", "0::/outer/inner\n")
    _write(machine / "groups/outer/inner/cpu.max", "max 100000\n")
    assert processor.cores() == 8
    _write(machine / "groups/outer/cpu.max", "250000 100000\n")
    assert processor.cores() == 3
    _write(machine / "groups/cpu/cpu.cfs_quota_us", "50000\n")
    _write(machine / "groups/cpu/cpu.cfs_period_us", "100000\n")
    assert processor.cores() == 1
    _write(machine / "groups/cpu/cpu.cfs_quota_us", "-1\n")
    assert processor.cores() == 3


@pytest.mark.parametrize(
    ("value", "shares"), [("", {1: 8, 3: 2, 20: 1}), ("3", {1: 3, 4: 2}), ("0", {1: 8}), ("4,2", {1: 8})]
)
def test_processes_share_the_cores(
    machine: Path, monkeypatch: pytest.MonkeyPatch, value: str, shares: dict[int, int]
) -> None:
    """At least one thread each, and never more than the user sets; what is no number sets nothing."""
    del machine
    if value:
        monkeypatch.setenv(processor.THREADS, value)
    assert {processes: processor.share(processes) for processes in shares} == shares


def test_torch_has_no_more_threads_than_there_are_cores(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user says so."""
    import torch

    threads = [16]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    processor.limit_threads()
    processor.limit_threads()
    assert threads == [16, 8]
    _write(machine / "groups/cpu.max", "200000 100000\n")
    monkeypatch.setenv(processor.THREADS, "8")
    processor.limit_threads()
    assert threads == [16, 8]


def test_threads_sleep_unless_the_user_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenMP's own default spins."""
    monkeypatch.delenv(processor.WAITING, raising=False)
    processor.sleep_while_waiting()
    assert processor.os.environ[processor.WAITING] == "passive"
    monkeypatch.setenv(processor.WAITING, "active")
    processor.sleep_while_waiting()
    assert processor.os.environ[processor.WAITING] == "active"


@pytest.mark.parametrize(
    ("dtype", "has_instructions", "warns"),
    [("float32", False, False), ("bfloat16", False, True), ("bfloat16", True, False), ("float16", True, True)],
)
def test_an_emulated_precision_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    dtype: str,
    has_instructions: bool,
    warns: bool,
) -> None:
    """With the model and what to do; a processor that computes it is not."""
    monkeypatch.setattr(processor, "computes_bfloat16", lambda: has_instructions)
    with caplog.at_level(logging.WARNING, logger="tcmbench.processor"):
        processor.warn_of_emulation(dtype, where="model clinic")
    assert bool(caplog.messages) is warns
    assert all(f"model clinic: {dtype} on a processor" in message for message in caplog.messages)
