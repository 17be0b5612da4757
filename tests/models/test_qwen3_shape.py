"""qwen3_shape: bases of a Qwen3's shape that the shipped recipes take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.recipes.qwen3_shape import SHAPES, Shape, write
from tcmbench import models
from tcmbench.models import weights
from tcmbench.specs.base import Base
from tcmbench.specs.toml import read
from tcmbench.specs.variant import Variant
from tcmbench.workspace import find

SMALL = Shape(hidden=64, layers=1, heads=2, inner=64, key_value_heads=1, head=32, vocabulary=10_240)


@pytest.mark.parametrize("kind", ["embedding", "reranker"])
def test_the_base_is_found_under_the_name_that_recipes_use(tmp_path: Path, kind: str) -> None:
    """In its workspace it hides the bundled base of the same name, and differs from it in the weights alone."""
    name = f"qwen3-{kind}-0.6b"
    (tmp_path / "tasks").mkdir()
    file = write(tmp_path, kind=kind, size="0.6b", shape=SMALL)
    place = find(tmp_path)
    base = place.spec(Base, name)
    bundled = read(Base, Path(__file__).parents[2] / "models" / "bases" / f"{name}.toml")
    assert read(Base, file) == base
    assert weights.source(place, base) == tmp_path / "models" / name
    same = {"path", "hub_id", "license", "description", "description_zh"}
    assert base.model_dump(exclude=same) == bundled.model_dump(exclude=same)
    assert weights.state(place, base) == "here"
    assert models.base_model(place, name).base == base  # its folder says nothing else


def test_the_embedding_model_gives_vectors_of_its_width(tmp_path: Path) -> None:
    """Pooling and normalisation fit the shape."""
    from sentence_transformers import SentenceTransformer

    write(tmp_path, kind="embedding", size="0.6b", shape=SMALL)
    model = SentenceTransformer(
        str(tmp_path / "models/qwen3-embedding-0.6b"), local_files_only=True, model_kwargs={"dtype": "float32"}
    )
    vectors = model.encode(["头痛", "发热"])
    assert vectors.shape == (2, SMALL.hidden)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_every_shipped_recipe_for_qwen3_has_a_shape() -> None:
    """A recipe for another size needs its line here."""
    place = find(Path(__file__).parents[2])
    bases = {
        place.spec(Variant, name).base
        for name in place.names(Variant)
        if place.spec(Variant, name).base.startswith("qwen3")
    }
    assert bases
    assert {base.rpartition("-")[2] for base in bases} <= set(SHAPES)
