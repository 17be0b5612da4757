"""A workspace whose training data a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tcmbench.specs.variant import Variant
from tcmbench.workspace import Workspace, find

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture
def place(workspace_dir: Path, synthetic_root: Path) -> Workspace:
    """Sixty generated records to learn from and two tasks, one of them with texts of its own."""
    data = workspace_dir / "data"
    shutil.copytree(synthetic_root, data)
    train = data / "tcm-synth/train.jsonl"
    train.write_text("".join(train.read_text(encoding="utf-8").splitlines(keepends=True)[:60]), encoding="utf-8")
    for name, text in {
        "tasks/Tiny.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\n',
        "tasks/TinySTS.toml": 'type = "sts"\npath = "general-synth/sts.jsonl"\n',
        "tasks/suites/tiny.toml": '[[tasks]]\ntask = "Tiny"\nrole = "in_domain"\n'
        '[[tasks]]\ntask = "TinySTS"\nrole = "general"\n',
        "models/bases/mini-zh-static.toml": (MODELS / "bases/mini-zh-static.toml").read_text(encoding="utf-8"),
    }.items():
        (workspace_dir / name).write_text(text, encoding="utf-8")
    (workspace_dir / "models/mini-zh-static").symlink_to(MODELS / "mini-zh-static")
    return find(workspace_dir, data=data, cache=workspace_dir / "store")


@pytest.fixture
def variant() -> Variant:
    """The cheapest recipe there is."""
    return Variant.model_validate(
        {
            "name": "tuned",
            "base": "mini-zh-static",
            "data": "tcm-synth",
            "trainer": "sentence_transformers",
            "training": {"batch_size": 16, "learning_rate": 2e-2, "max_length": 64},
        }
    )
