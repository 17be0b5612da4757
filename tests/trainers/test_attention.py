"""The implementation of attention that a recipe names is the one that is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tcmbench.specs.base import Base
from tests.trainers.tiny import train_here, worker_job

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("callbacks_of_transformers")]


def test_attention_is_computed_as_the_recipe_says(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every implementation learns the same; torch's fused kernel is called by `sdpa` alone."""
    from torch.nn import functional

    fused, calls, losses = functional.scaled_dot_product_attention, [], {}

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(name)
        return fused(*args, **named)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", counted)
    for name in ("sdpa", "eager"):
        (tmp_path / name).mkdir()
        training = {"options": {"attention": name}, "learning_rate": 1e-3}
        outcome = train_here(worker_job(tmp_path / name, embedding_base, embedding_dir, training=training))
        losses[name] = [point.loss for point in outcome.curves]
    assert losses["eager"] == pytest.approx(losses["sdpa"], abs=1e-3)
    assert calls.count("sdpa") > calls.count("eager")
