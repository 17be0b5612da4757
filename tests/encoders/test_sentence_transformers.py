"""The bundled encoders load as bases say, and cut and count text as they encode it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tcmbench.evaluation import models
from tcmbench.evaluation.cached_encoder import CachedEncoder
from tcmbench.workspace import bundled_content, find

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["头痛发热三日", "今天天气很好，我们去公园散步吧！", "咳嗽"]


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "hashed-chars", "random"])
def test_vectors_have_unit_length_and_are_cached(name: str, tmp_path: Path) -> None:
    """Every encoder gives unit vectors, the same alone and among others, and encodes a text once."""
    place = find(bundled_content(), cache=tmp_path)
    loaded = models.base_model(place, name).load(cache=tmp_path)
    assert isinstance(loaded, CachedEncoder)
    together = loaded.encode_list(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert loaded.encoded_texts == len(TEXTS)
    assert loaded.encoded_tokens > len(TEXTS)
    again = loaded.encode_list(TEXTS[::-1])
    np.testing.assert_array_equal(together[::-1], again)
    assert loaded.encoded_texts == len(TEXTS)
    fresh = models.base_model(place, name).load(cache=tmp_path / "other")
    np.testing.assert_allclose(fresh.encode_list(TEXTS[:1])[0], together[0], atol=1e-5)
