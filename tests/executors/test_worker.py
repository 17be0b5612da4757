"""A worker whose run is gone."""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe
from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.executors import _worker
from tcmbench.runs.jobs import plan
from tcmbench.specs.model_set import ModelSet
from tests.running import stored

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace


def test_a_worker_whose_run_is_gone_ends_and_notes_no_failure(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that can't be sent is not recorded as a failure of the model."""
    monkeypatch.setattr(sys, "argv", [])
    model_set = small.spec(ModelSet, "small")
    job = plan(small, model_set, tasks.plan_set(small, model_set)).jobs[0]
    run, worker = Pipe()
    with worker, run:
        run.send(_worker.WorkOrder(job, ("tcmbench", "run", "small"), 40))
        run.close()
        with pytest.raises(SystemExit):
            _worker.main(os.dup(worker.fileno()))
    assert sys.argv == ["tcmbench", "run", "small"]
    assert {state.state for entry in stored(small, "small") for state in entry.states.values()} == {"pending"}
