"""Matryoshka dimensions: how wide a base's vectors are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcmbench.trainers._runtime.matryoshka import width

MODELS = Path(__file__).parents[3] / "models"


@pytest.mark.parametrize(("name", "expected"), [("mini-zh", 256), ("mini-zh-static", 384)])
def test_the_bundled_bases_are_measured(name: str, expected: int) -> None:
    """A transformer by its configuration, a static model by its table."""
    assert width(MODELS / name) == expected


def test_a_dense_layer_has_the_last_word(tmp_path: Path) -> None:
    """What it makes of the pooled vector is what is cut."""
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 768}), encoding="utf-8")
    (tmp_path / "2_Dense/config.json").write_text(
        json.dumps({"in_features": 768, "out_features": 512}), encoding="utf-8"
    )
    modules = [{"path": "", "type": "Transformer"}, {"path": "2_Dense", "type": "Dense"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    assert width(tmp_path) == 512


def test_files_that_do_not_say_refuse_nothing(tmp_path: Path) -> None:
    """An unknown layout is left to the trainer."""
    assert width(tmp_path) is None
