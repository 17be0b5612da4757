"""Weights by loss: the better a model is on the examples, the more of it there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tcmbench.cures import cocktail
from tcmbench.errors import SpecError
from tcmbench.models import base_model
from tcmbench.specs.variant import Variant
from tcmbench.tuning.recipe import parts_of
from tcmbench.workspace import Workspace
from tests.cures.scene import cured, work


def test_weights_are_a_softmax_of_the_losses() -> None:
    """Equal losses weigh equally; a higher temperature makes unequal ones more equal."""
    assert cocktail.shares([2.0, 2.0], 5.0) == (0.5, 0.5)
    sharp, flat = cocktail.shares([0.0, 1.0], 0.1), cocktail.shares([0.0, 1.0], 5.0)
    assert sharp[0] > 0.9999
    assert flat == pytest.approx((0.5498, 0.4502), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_no_two_examples_share_a_label(seed: int) -> None:
    """Neither by the label that is compared nor by another one: the document of one is no positive of the other."""
    labels = [("a", "b"), ("b",), ("b", "c"), ("d",)]
    records = [
        SimpleNamespace(record_id=str(place), labels=own, query=lambda own=own: "".join(own))
        for place, own in enumerate(labels)
    ]
    knowledge = [SimpleNamespace(doc_id=name, document=lambda name=name: name) for name in "abcd"]
    folder = SimpleNamespace(splits={"dev": records}, knowledge=knowledge)
    given: Any = SimpleNamespace(data=SimpleNamespace(read=lambda: folder), drop=frozenset(), seed=seed, name="x")
    queries, documents = cocktail._examples(given, cocktail.Options())
    assert len(queries) == len(documents) == 2
    assert "d" in documents


def test_a_model_that_lost_everything_has_no_weight(
    place: Workspace,
    variant: Variant,
    tmp_path: Path,
) -> None:
    """Beside a model of random vectors the base has all of the weight; the first has alpha, whatever its loss."""
    from sentence_transformers import SentenceTransformer

    base = base_model(place, "mini-zh-static")
    worse = SentenceTransformer(str(base.model_dir), device="cpu")
    kept = worse[0].embedding.weight.detach().clone()
    worse.save_pretrained(str(tmp_path / "first"))
    with torch.no_grad():
        worse[0].embedding.weight.copy_(torch.randn(kept.shape, generator=torch.Generator().manual_seed(0)))
    worse.save_pretrained(str(tmp_path / "worse"))
    tuned = replace(base, name="worse", model_dir=tmp_path / "worse", revision="worse")
    first = replace(base, name="first", model_dir=tmp_path / "first", revision="first")
    inputs = replace(work(base, first, tuned), data=parts_of(place, variant)[0].data, cache=place.cache, device="cpu")
    made = cured("cocktail", inputs, tmp_path / "out", alpha=0.0, temperature=0.01)
    assert torch.allclose(made["embedding.weight"], kept, atol=1e-6)
    alone = cured("cocktail", replace(inputs, tuned=inputs.tuned[1:]), tmp_path / "alone", alpha=0.25)
    expected = 0.75 * kept + 0.25 * worse[0].embedding.weight
    assert torch.allclose(alone["embedding.weight"], expected, atol=1e-6)
    (place.data_root / "tcm-synth/dev.jsonl").unlink()
    without_dev = replace(inputs, data=parts_of(place, variant)[0].data)
    with pytest.raises(SpecError, match="expected a split 'dev' with at least two labels"):
        cured("cocktail", without_dev, tmp_path / "again")
