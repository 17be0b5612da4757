"""A file in the format E5S1 becomes a folder that sentence-transformers loads, with all values of the file."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file

from tcmbench.errors import MissingExtra, ModelAbsent
from tcmbench.models import e5s1
from tcmbench.models.e5s1 import tokenizer
from tcmbench.models.e5s1.model_file import ModelFile
from tests.models.e5s1 import tiny_file

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("sentencepiece")


def test_weights_are_those_of_the_file(tmp_path: Path) -> None:
    """Numbers of float32 are exact, those of 4 bits rounded to half precision once."""
    expected = tiny_file.write(tmp_path / "file.bin")
    contents = ModelFile.read(tmp_path / "file.bin")
    for name, values in expected.items():
        np.testing.assert_array_equal(contents.tensor(name, *values.shape), values)
    (tmp_path / "model").mkdir()
    e5s1.convert(tmp_path / "file.bin", tmp_path / "model")
    weights = load_file(tmp_path / "model/model.safetensors")
    np.testing.assert_array_equal(
        weights["encoder.layer.0.intermediate.dense.weight"], expected["l0.fi.w"].astype(np.float16)
    )
    np.testing.assert_array_equal(weights["embeddings.position_embeddings.weight"], expected["emb.pos"])


def test_the_folder_is_complete(tmp_path: Path) -> None:
    """Vectors are the mean of the states of BERT, of unit length; ids and prompts are those of the original."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    tiny_file.write(tmp_path / "file.bin")
    e5s1.convert(tmp_path / "file.bin", tmp_path / "model")
    words = AutoTokenizer.from_pretrained(tmp_path / "model")
    piece = tiny_file.PIECES.index
    # the joiner is a space, the wide colon a narrow one, and a character without a piece is unknown
    assert words("咳嗽\u200d咳嗽：痰☃")["input_ids"] == [
        0, piece("▁咳嗽"), piece("▁咳嗽"), piece(":"), piece("痰"), 3, 2,
    ]  # fmt: skip
    network = AutoModel.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    with torch.inference_mode():
        mean = network(**words(["咳嗽三日"], return_tensors="pt")).last_hidden_state[0].mean(0)
    model = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    np.testing.assert_allclose(model.encode("咳嗽三日", prompt=""), (mean / mean.norm()).numpy(), atol=1e-6)
    said = json.loads((tmp_path / "model/config_sentence_transformers.json").read_text())
    assert said["prompts"] == {"query": "query: ", "document": "passage: ", "symmetric": "query: "}


@pytest.mark.parametrize("cut", [3, 40, 200, 2000, -1])
def test_a_damaged_file_is_refused(tmp_path: Path, cut: int) -> None:
    """Wherever it ends."""
    path = tmp_path / "file.bin"
    tiny_file.write(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelAbsent, match=r"file\.bin: expected a model in the format E5S1"):
        e5s1.convert(path, tmp_path / "model")


def test_other_rules_of_normalisation_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of sentencepiece would give another tokenizer under the same name."""
    assert hashlib.sha256(tokenizer._rules()).hexdigest() == tokenizer._RULES_SHA256
    monkeypatch.setattr(tokenizer, "_RULES_SHA256", "0")
    with pytest.raises(MissingExtra, match="pip install 'sentencepiece=="):
        tokenizer._rules()
