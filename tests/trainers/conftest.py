"""Tiny models and bases that the tests of trainers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tcmbench.specs.base import Base
from tests.trainers.tiny import QUERY_PROMPT, write_embedding, write_reranker

# before torch is imported: with more threads than free cores a step of these models takes seconds
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def embedding_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Qwen3 embedding model in hub layout."""
    folder = tmp_path_factory.mktemp("tiny") / "embedding"
    write_embedding(folder)
    return folder


@pytest.fixture(scope="session")
def reranker_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Qwen3 reranker in hub layout."""
    folder = tmp_path_factory.mktemp("tiny") / "reranker"
    write_reranker(folder)
    return folder


@pytest.fixture(scope="session")
def embedding_base() -> Base:
    """The base that describes `embedding_dir`."""
    return Base.model_validate(
        {
            "name": "tiny", "kind": "embedding", "path": "tiny", "architecture": "qwen3", "pooling": "last",
            "max_length": 128, "query_prompt": QUERY_PROMPT, "padding_side": "left", "swift_model_type": "qwen3_emb",
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def reranker_base() -> Base:
    """The base that describes `reranker_dir`."""
    return Base.model_validate(
        {
            "name": "tiny-reranker", "kind": "reranker", "encoder": "cross_encoder", "path": "tiny-reranker",
            "architecture": "qwen3", "max_length": 128, "instruction": "判断证型", "padding_side": "left",
            "swift_model_type": "qwen3_reranker",
        }
    )  # fmt: skip


@pytest.fixture
def callbacks_of_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """ms-swift puts callbacks of its own into transformers for good, and another test of this process may import it."""
    from transformers import trainer, trainer_callback

    monkeypatch.setattr(trainer, "DEFAULT_CALLBACKS", [trainer_callback.DefaultFlowCallback])
    monkeypatch.setattr(trainer, "DEFAULT_PROGRESS_CALLBACK", trainer_callback.ProgressCallback)
    monkeypatch.setattr(trainer, "PrinterCallback", trainer_callback.PrinterCallback)
