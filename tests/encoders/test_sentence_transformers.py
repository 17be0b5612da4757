"""The bundled encoders load as bases say, and cut and count text as they encode it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench import models
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.workspace import bundled_content, find

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["头痛发热三日", "今天天气很好，我们去公园散步吧！", "咳嗽"]


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "hashed-chars", "random"])
def test_vectors_have_unit_length_and_are_cached(name: str, tmp_path: Path) -> None:
    """Every encoder gives unit vectors, the same alone and among others, and encodes a text once."""
    place = find(bundled_content(), cache=tmp_path)
    loaded = models.load(models.base_model(place, name), cache=tmp_path)
    assert isinstance(loaded, CachedEncoder)
    together = loaded.encode_list(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert loaded.encoded_texts == len(TEXTS)
    assert loaded.encoded_tokens > len(TEXTS)
    again = loaded.encode_list(TEXTS[::-1])
    np.testing.assert_array_equal(together[::-1], again)
    assert loaded.encoded_texts == len(TEXTS)
    fresh = models.load(models.base_model(place, name), cache=tmp_path / "other")
    np.testing.assert_allclose(fresh.encode_list(TEXTS[:1])[0], together[0], atol=1e-5)


def test_half_precision_is_another_revision_near_the_same_vectors(tmp_path: Path) -> None:
    """A base in bfloat16 computes in it, keeps its scores apart, and its vectors point where float32's do."""
    place = find(bundled_content(), cache=tmp_path)
    full = models.base_model(place, "mini-zh")
    half = models.Model(
        "half",
        base := full.base.model_copy(update={"dtype": "bfloat16"}),
        full.model_dir,
        models.revision(base, full.model_dir),
    )
    assert full.revision != half.revision
    loaded = models.load(half, cache=tmp_path)
    assert isinstance(loaded, CachedEncoder)
    assert str(next(loaded.inner.model.parameters()).dtype) == "torch.bfloat16"
    expected = models.load(full, cache=tmp_path).encode_list(TEXTS)
    assert (np.sum(expected * loaded.encode_list(TEXTS), axis=1) > 0.99).all()
