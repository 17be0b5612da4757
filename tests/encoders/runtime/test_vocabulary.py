"""A model is never measured on texts that its tokenizer can't read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import BertConfig, BertForSequenceClassification, BertModel

from tcmbench.encoders import model_meta
from tcmbench.encoders.cross_encoder import Options
from tcmbench.encoders.cross_encoder import load as load_reranker
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.errors import ModelAbsent
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content

_EXPECTED = "expected the vocabulary of the tokenizer"


def _config() -> BertConfig:
    return BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=1
    )


def test_a_network_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    """The library would read every text as [UNK], and its scores would look like scores."""
    BertModel(_config()).save_pretrained(tmp_path)
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    base = Base(name="bert", kind="embedding", path=str(tmp_path), pooling="mean")
    with pytest.raises(ModelAbsent, match=_EXPECTED):
        open_model(tmp_path, base)


def test_a_reranker_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    """As an embedding model is."""
    BertForSequenceClassification(_config()).save_pretrained(tmp_path)
    base = Base(name="bert", kind="reranker", path=str(tmp_path))
    meta = model_meta(base, name=base.name, revision="x")
    with pytest.raises(ModelAbsent, match=_EXPECTED):
        load_reranker(base, options=Options(), model_dir=tmp_path, meta=meta, seed=0, device="cpu")


def test_a_table_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    """With the name of the file that is missing."""
    folder = Path(shutil.copytree(bundled_content() / "models/mini-zh-static", tmp_path / "table"))
    (folder / "tokenizer.json").unlink()
    base = Base(name="table", kind="embedding", path=str(folder), architecture="static")
    with pytest.raises(ModelAbsent, match=_EXPECTED):
        open_model(folder, base)
