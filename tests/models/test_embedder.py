"""Vectors for work beside evaluation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tcmbench.models.embedder import BaseEmbedder


def test_vectors_have_unit_length_whatever_the_model_gives() -> None:
    """Miners compare them by inner product, which then is the cosine by which the model is measured."""
    model: Any = SimpleNamespace(base=SimpleNamespace(query_prompt="问：", document_prompt=""), revision="r")
    given: list[str] = []

    def encode_list(texts: list[str]) -> np.ndarray:
        given.extend(texts)
        return np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)

    embedder = BaseEmbedder(model, Path("cache"))
    encoder: Any = SimpleNamespace(encode_list=encode_list)
    embedder._encoder = encoder
    np.testing.assert_allclose(embedder.embed(["气虚", ""], kind="query"), [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)
    assert given == ["问：气虚", "问："]
