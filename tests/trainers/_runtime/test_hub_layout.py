"""A tuned model's folder is complete: every loader gets the same model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tcmbench.errors import ParityError, SpecError, TrainingError
from tcmbench.models import hub_layout
from tcmbench.models.canaries import DOCUMENTS, QUERIES, pair_ids
from tcmbench.specs.base import Base
from tcmbench.trainers._runtime import parity

pytestmark = pytest.mark.filterwarnings("ignore")


def test_copies_everything_but_weights_and_code(tmp_path: Path) -> None:
    """Tokenizer, pooling and a dense layer's weights come along; the network's weights, code and pickles don't."""
    source, target = tmp_path / "base", tmp_path / "model"
    for name in (
        "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "modeling_x.py", "README.md", "1_Pooling/config.json", "2_Dense/model.safetensors", "2_Dense/pytorch_model.bin",
        "onnx/model.onnx",
    ):  # fmt: skip
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    hub_layout.copy_companions(source, target)
    found = sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())
    assert found == ["1_Pooling/config.json", "2_Dense/model.safetensors", "tokenizer.json"]


def test_an_embedding_folder_without_modules_gets_them(
    tmp_path: Path, embedding_base: Base, embedding_dir: Path
) -> None:
    """Written from the base's pooling, it gives the same vectors as the folder that came with its modules."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (bare / name).write_bytes((embedding_dir / name).read_bytes())
    hub_layout.write_embedding_modules(bare, base=embedding_base, dimensions=32)
    expected = parity.evaluation_numbers(embedding_dir, embedding_base)
    assert np.array_equal(expected, parity.evaluation_numbers(bare, embedding_base))


def test_an_embedding_base_must_say_how_to_pool(tmp_path: Path, embedding_base: Base) -> None:
    """Neither modules.json nor pooling is an error: a guess would be a wrong score."""
    with pytest.raises(SpecError, match="must declare `pooling`"):
        hub_layout.write_embedding_modules(
            tmp_path, base=embedding_base.model_copy(update={"pooling": None}), dimensions=32
        )


def test_a_reranker_folder_without_modules_gets_them(tmp_path: Path, reranker_base: Base, reranker_dir: Path) -> None:
    """Chat template, yes and no are written; the logits are those of the complete folder."""
    from transformers import AutoTokenizer

    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (bare / name).write_bytes((reranker_dir / name).read_bytes())
    tokenizer = AutoTokenizer.from_pretrained(bare)
    assert not tokenizer.chat_template
    hub_layout.write_reranker_modules(bare, base=reranker_base, tokenizer=tokenizer, head="generative")
    written, complete = AutoTokenizer.from_pretrained(bare), AutoTokenizer.from_pretrained(reranker_dir)
    for query, document in zip(QUERIES, DOCUMENTS, strict=True):
        ids = [pair_ids(t, query, document, instruction="判断证型") for t in (written, complete)]
        assert ids[0] == ids[1]
    expected = parity.evaluation_numbers(reranker_dir, reranker_base)
    assert np.array_equal(expected, parity.evaluation_numbers(bare, reranker_base))


def test_the_chat_template_keeps_its_last_newlines(reranker_base: Base) -> None:
    """Jinja drops a final newline, and with it a token: the template ends in an expression."""
    assert hub_layout.reranker_chat_template("判断").endswith('\\n\\n</think>\\n\\n" -}}')


def test_disparity_and_no_effect_are_refused() -> None:
    """Different numbers by different ways, unchanged ones, and NaN are errors that say what to check."""
    ways = {"evaluation": np.array([0, 1, 2], np.float32), "swift": np.array([0, 1, 2.5], np.float32)}
    found = parity.differences(ways, reference="evaluation")
    assert found == {"swift=evaluation": 0.5}
    with pytest.raises(ParityError, match=r"swift=evaluation: 0.5; at most 0.0001.*modules.json"):
        parity.refuse_disparity(found, tolerance=parity.TOLERANCE, where="variant x")
    with pytest.raises(ParityError):
        parity.refuse_disparity({"a=b": float("nan")}, tolerance=parity.TOLERANCE, where="variant x")
    with pytest.raises(TrainingError, match="equals its base"):
        parity.refuse_unchanged(ways["evaluation"], ways["evaluation"], where="variant x")
    with pytest.raises(TrainingError, match="NaN"):
        parity.refuse_unchanged(ways["swift"] * np.nan, ways["evaluation"], where="variant x")
