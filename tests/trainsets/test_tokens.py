"""Counting and cutting with a real tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from tcmbench.errors import ModelAbsent
from tcmbench.trainsets.tokens import FolderTokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> FolderTokenizer:
    """A byte-level tokenizer, where one Chinese character may be three tokens."""
    trained = tokenizers.Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(["气血两虚，气血不足。神疲乏力"] * 20, trainer)
    trained.enable_truncation(5)
    trained.enable_padding(length=9)
    folder = tmp_path_factory.mktemp("model")
    trained.save(str(folder / "tokenizer.json"))
    return FolderTokenizer(folder, reserved=3)


@settings(max_examples=60)
@given(text=st.text("气血虚瘀痹a b。", max_size=30), limit=st.integers(0, 30))
def test_cut_keeps_a_beginning_within_the_limit(tokenizer: FolderTokenizer, text: str, limit: int) -> None:
    """What is kept is a beginning, has at most the limit, and isn't cut when it needn't be."""
    kept = tokenizer.cut(text, limit)
    assert text.startswith(kept)
    assert tokenizer.lengths([kept])[0] <= limit
    assert kept == text or tokenizer.lengths([text])[0] > limit


def test_lengths_ignore_truncation_and_padding_of_the_file(tokenizer: FolderTokenizer) -> None:
    """A tokenizer.json that truncates and pads doesn't hide how long a text is."""
    assert tokenizer.lengths(["", "abcdefghijkl"]) == [0, 12]


def test_revision_changes_with_what_lengths_depend_on(tokenizer: FolderTokenizer, tmp_path: Path) -> None:
    """Another vocabulary is another revision."""
    tokenizers.Tokenizer(models.BPE()).save(str(tmp_path / "tokenizer.json"))
    assert FolderTokenizer(tmp_path, reserved=3).revision != tokenizer.revision


def test_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    """The message says which file is expected."""
    with pytest.raises(ModelAbsent, match=r"Put tokenizer\.json there"):
        FolderTokenizer(tmp_path)
