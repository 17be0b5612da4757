"""The checks inside ms-swift's process, on a trainer that stands in for its own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tcmbench.errors import TrainingError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_rows_that_were_dropped_stop_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer examples after preprocessing than in the file are an error before the first step."""
    from tcmbench.trainers._swift_plugin import guard_file, tcmbench_guard

    settings = tmp_path / guard_file.NAME
    settings.write_text(json.dumps({"rows": 24, "task": "embedding", "query_prompt": "", "instruction": ""}))
    monkeypatch.setenv(guard_file.VARIABLE, str(settings))
    guard = tcmbench_guard.Guard(args=None, trainer=SimpleNamespace(train_dataset=range(23)))
    with pytest.raises(TrainingError, match=r"expected 24 examples after ms-swift's preprocessing, found 23"):
        guard.on_train_begin()


def test_a_loss_of_exactly_zero_stops_the_training() -> None:
    """Loss and gradient of 0 mean no negatives; a small loss goes on, and so do lines without one."""
    from tcmbench.trainers._swift_plugin import tcmbench_guard

    guard = tcmbench_guard.Guard(args=None, trainer=None)
    guard.on_log(logs={"loss": 1e-9, "grad_norm": 0.1})
    guard.on_log(logs={"eval_loss": 0.0})
    with pytest.raises(TrainingError, match=r"exactly 0.*in_batch"):
        guard.on_log(logs={"loss": 0.0, "grad_norm": 0.0})


def test_code_that_comes_with_a_model_does_not_run() -> None:
    """ms-swift trusts remote code unless told otherwise; loading the guard tells it."""
    from swift.model.register import ModelLoader

    from tcmbench.trainers._swift_plugin import tcmbench_guard

    assert tcmbench_guard.Guard.__doc__
    assert ModelLoader.default_trust_remote_code is False
