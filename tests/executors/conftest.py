"""A workspace whose set is measured in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import models, tasks
from tcmbench.evaluation import evaluate
from tcmbench.workspace import Workspace, find

if TYPE_CHECKING:
    from pathlib import Path

MODELS = ("hashed-chars", "random")


@pytest.fixture
def small(workspace_dir: Path, synthetic_root: Path) -> Workspace:
    """Two baselines on two tasks."""
    for name, text in {
        "tasks/SmallQA.toml": 'type = "retrieval"\npath = "general-synth/qa-retrieval"\n',
        "tasks/SmallSTS.toml": 'type = "sts"\npath = "general-synth/sts.jsonl"\n',
        "tasks/suites/small.toml": '[[tasks]]\ntask = "SmallQA"\nrole = "general"\n'
        '[[tasks]]\ntask = "SmallSTS"\nrole = "general"\n',
        "models/sets/small.toml": 'suite = "small"\nreference = "random"\nmodels = ["hashed-chars", "random"]\n',
    }.items():
        (workspace_dir / name).write_text(text, encoding="utf-8")
    return find(workspace_dir, data=synthetic_root, cache=workspace_dir / "store")


def score_key(place: Workspace, model: str, task: str) -> str:
    """Return the key of a score."""
    revision = models.base_model(place, model).revision
    return evaluate.score_key(revision, tasks.resolve(place, task), split="test", subset="default")
