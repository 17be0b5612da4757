"""What is sent has the tokens that a local model would read: texts, and pairs with and without a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tcmbench.encoders._cut import QueryDocument, TextCutter
from tcmbench.errors import ModelAbsent
from tcmbench.models.canaries import pair_ids
from tcmbench.workspace import bundled_content

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN = {"unk_token": "[UNK]"}
LONG = "患者反复咳嗽，夜间加重，痰白而稀，Temp 38.5 °C，舌淡苔白，脉浮紧。\n" * 9


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer in the manner of BERT: one token per character, [CLS] and [SEP] around."""
    characters = sorted({"[UNK]", "[CLS]", "[SEP]", *LONG, *"证候甲乙"})
    vocabulary = {token: number for number, token in enumerate(characters)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, **UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    special = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=special
    )
    folder = tmp_path_factory.mktemp("plain")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **UNKNOWN).save_pretrained(folder)
    return folder


def local(tokenizer: Any, *texts: str, most: int) -> list[int]:
    """Return the ids that a local model reads."""
    ids: list[int] = tokenizer(*texts, truncation="longest_first", max_length=most)["input_ids"]
    return ids


@pytest.mark.parametrize("text", [LONG, "短", "", "  两边  ", LONG[:30]])
@pytest.mark.parametrize("most", [8, 33])
def test_texts_keep_the_tokens_that_are_read(plain: Path, text: str, most: int) -> None:
    """The others are left as they are."""
    tokenizer = AutoTokenizer.from_pretrained(plain)
    (cut,) = TextCutter(plain, max_length=most).texts([text])
    assert tokenizer(cut)["input_ids"] == local(tokenizer, text, most=most)
    assert text.startswith(cut)


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-reranker"])
def test_byte_pieces_are_cut_between_characters(name: str) -> None:
    """A character of several tokens is whole or missing; no more is read than allowed."""
    folder = bundled_content() / "models" / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "龘靐齉爩🩺" * 30 + LONG
    for most in range(9, 40):
        (cut,) = TextCutter(folder, max_length=most).texts([text])
        ids = tokenizer(cut)["input_ids"]
        assert text.startswith(cut)
        assert most - 4 <= len(ids) <= most


@pytest.mark.parametrize("most", [11, 20, 21])
@pytest.mark.parametrize(
    ("query", "document"), [("甲" * 30, LONG), (LONG, "乙" * 5), ("甲" * 5, LONG), ("甲" * 30, "乙" * 30), ("甲", "乙")]
)
def test_pairs_are_cut_as_the_tokenizer_cuts_them(plain: Path, query: str, document: str, most: int) -> None:
    """The longer part first; of two long ones each gets half."""
    tokenizer = AutoTokenizer.from_pretrained(plain)
    (pair,) = TextCutter(plain, max_length=most).pairs([QueryDocument(query, document)])
    assert tokenizer(*pair)["input_ids"] == local(tokenizer, query, document, most=most)


@pytest.mark.parametrize("most", [100, 150])
def test_pairs_of_a_template_lose_the_end_of_the_document(most: int) -> None:
    """As a local reranker cuts them, which restores the end of the template."""
    from sentence_transformers import CrossEncoder

    folder = bundled_content() / "models/mini-zh-reranker"
    model = CrossEncoder(str(folder), max_length=most, device="cpu", local_files_only=True)
    cutter = TextCutter(folder, max_length=most, instruction="检索")
    for query, document in (("咳嗽三日", LONG), ("咳嗽", "肺气虚证。")):
        (pair,) = cutter.pairs([QueryDocument(query, document)])
        expected = model.preprocess([(query, document)], prompt="检索")["input_ids"][0].tolist()
        assert pair_ids(model.tokenizer, *pair, instruction="检索") == expected


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    """Nothing is cut by another one."""
    with pytest.raises(ModelAbsent, match="expected a tokenizer"):
        TextCutter(tmp_path, max_length=8)
