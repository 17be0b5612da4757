"""A training's processes see their own settings and no one else's."""

from __future__ import annotations

from pathlib import Path

import pytest

import tcmbench
from tcmbench.trainers._runtime.environment import process_environment, scrub


def test_inherited_settings_are_scrubbed() -> None:
    """What a shell left behind can't change a training; the names are recorded."""
    inherited = {
        "PATH": "/bin", "INFONCE_TEMPERATURE": "9", "MAX_NEGATIVE_SAMPLES": "1", "RANK": "3", "MASTER_PORT": "1",
        "RANKING": "kept", "HOME": "/root", "NPROC_PER_NODE": "8",
    }  # fmt: skip
    kept, removed = scrub(inherited)
    assert kept == {"PATH": "/bin", "RANKING": "kept", "HOME": "/root"}
    assert removed == ("INFONCE_TEMPERATURE", "MASTER_PORT", "MAX_NEGATIVE_SAMPLES", "NPROC_PER_NODE", "RANK")


def test_processes_import_this_tcmbench_and_have_a_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers must run the code that started them, and threads are part of a result's bytes."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment = process_environment()
    assert Path(environment["PYTHONPATH"], "tcmbench", "__init__.py") == Path(tcmbench.__file__)
    assert environment["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert int(process_environment()["OMP_NUM_THREADS"]) >= 1


def test_threads_that_wait_do_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine they would take the core that the others need; a policy that is set stays."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert process_environment()["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert process_environment()["OMP_WAIT_POLICY"] == "active"
