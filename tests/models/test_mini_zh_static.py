"""The bundled static model loads through sentence-transformers and can be trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "models" / "mini-zh-static"


def test_it_loads_offline_in_single_precision_with_unit_vectors() -> None:
    """Eight bits on disk, single precision in use, as training needs."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(FOLDER), device="cpu", local_files_only=True)
    vectors = model.encode(["头痛发热", "咳嗽痰多"])
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert all(parameter.requires_grad for parameter in model.parameters())
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1.0, atol=1e-5)


def test_paraphrases_are_nearer_than_other_sentences() -> None:
    """It is a trained table, not a random one."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(FOLDER), device="cpu", local_files_only=True)
    vectors = model.encode(["手机照片怎么传到电脑", "照片如何从手机导入电脑", "孩子发烧吃什么药"])
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2])
