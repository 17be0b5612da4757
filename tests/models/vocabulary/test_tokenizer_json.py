"""A tokenizer with the Chinese part of its vocabulary splits Chinese text into the same pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tcmbench.errors import SpecError
from tcmbench.models.vocabulary.scripts import PieceKind, kind_of
from tcmbench.models.vocabulary.tokenizer_json import Division, divided
from tcmbench.workspace import bundled_content

CHINESE = "咳嗽三日，痰黄；口干！舌红（少苔）0123456789 %℃"
SPECIAL = ["<s>", "</s>", "<unk>"]
WORDS = ["咳嗽", "三日", "口干", "口干舌", "the", "cough", "fever", "ゴミ", "правда"]


def unigram() -> Tokenizer:
    """Return a tokenizer in the manner of XLM-R; its least probable piece is of another script."""
    pieces = [*SPECIAL, "▁", *(f"▁{word}" for word in WORDS), *WORDS, *dict.fromkeys(CHINESE.replace(" ", "")), "ひど"]
    tokenizer = Tokenizer(models.Unigram([(piece, -float(place)) for place, piece in enumerate(pieces)], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁")
    tokenizer.decoder = decoders.Metaspace("▁")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def wordpiece() -> Tokenizer:
    """Return a tokenizer in the manner of BERT."""
    letters = dict.fromkeys(CHINESE.replace(" ", "") + "abcdefghijklmnopqrstuvwxyz")
    pieces = [
        "[PAD]",
        "правда",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *letters,
        *(f"##{x}" for x in letters),
        *WORDS[:8],
        "##ough",
    ]
    unknown = {"unk_token": "[UNK]"}
    tokenizer = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(pieces)}, **unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return tokenizer


def bpe() -> Tokenizer:
    """Return the byte-level BPE of mini-zh."""
    return Tokenizer.from_file(str(bundled_content() / "models/mini-zh/tokenizer.json"))


LATIN = {"unigram": {"the"}, "wordpiece": {"the"}, "bpe": {"th"}}
"""The first Latin piece of each."""

TOKENIZERS = {"unigram": unigram, "wordpiece": wordpiece, "bpe": bpe}
WHOLE = {name: make() for name, make in TOKENIZERS.items()}
PARTS = {name: divided(whole, latin=1, always=frozenset()) for name, whole in WHOLE.items()}


def former_ids(part: Division, text: str) -> list[int]:
    """Return the ids of a text in the whole vocabulary."""
    return [part.kept[place] for place in part.tokenizer.encode(text).ids]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=st.text(alphabet=CHINESE + "☃", max_size=40))
def test_chinese_text_has_the_same_pieces(name: str, text: str) -> None:
    """Special pieces and unknown characters included, after mapping the ids."""
    assert former_ids(PARTS[name], text) == WHOLE[name].encode(text).ids


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_vocabulary_is_smaller(name: str) -> None:
    """Of Latin words the first is kept; ids are without gaps, and other text still has some."""
    part, whole = PARTS[name], WHOLE[name]
    assert len(part.kept) == part.tokenizer.get_vocab_size() < part.total == whole.get_vocab_size()
    assert sorted(part.tokenizer.get_vocab().values()) == list(range(len(part.kept)))
    texts = [part.tokenizer.decode([place]).strip("# ") for place in range(len(part.kept))]
    assert {text for text in texts if kind_of(text) is PieceKind.LATIN} == LATIN[name]
    assert part.tokenizer.encode("правда, cough 咳嗽").ids


def test_every_join_that_is_left_is_reachable() -> None:
    """Both parts and the result of each join of BPE have an id, and each piece of several bytes has a join."""
    model = json.loads(PARTS["bpe"].tokenizer.to_str())["model"]
    pairs = [tuple(pair) for pair in model["merges"]]
    assert all({first, second, first + second} <= model["vocab"].keys() for first, second in pairs)
    joined = {first + second for first, second in pairs}
    assert {piece for piece in model["vocab"] if len(piece) > 1} <= joined
    whole = json.loads(WHOLE["bpe"].to_str())["model"]
    expected = [tuple(p) for p in whole["merges"] if {p[0], p[1], p[0] + p[1]} <= model["vocab"].keys()]
    assert pairs == expected


def test_parts_of_kept_pieces_are_kept() -> None:
    """A piece that BPE only joins on its way to a Chinese one stays, though it is of another script by itself."""
    vocabulary = {piece: place for place, piece in enumerate(["の", "中", "в", "вв", "вв中"])}
    whole = Tokenizer(models.BPE(vocabulary, [("в", "в"), ("вв", "中")]))
    part = divided(whole, latin=0, always={4})
    assert former_ids(part, "вв中") == whole.encode("вв中").ids == [4]


def test_the_cost_of_unknown_characters_stays() -> None:
    """It follows from the least probable piece: without that one, an unknown character would be cheaper."""
    vocab = [("<unk>", 0.0), ("甲", -1.0), ("甲乙", -14.0), ("ひど", -30.0)]
    whole = Tokenizer(models.Unigram(vocab, unk_id=0))
    part = divided(whole, latin=0, always=frozenset())
    assert part.kept == (0, 1, 2, 3)
    assert former_ids(part, "甲乙") == whole.encode("甲乙").ids == [2]


def test_ids_that_are_named_are_kept() -> None:
    """Pieces of prompts and answers of a reranker, whatever their script."""
    place = WHOLE["bpe"].token_to_id("ing")
    assert place not in PARTS["bpe"].kept
    assert place in divided(WHOLE["bpe"], latin=1, always={place}).kept


def test_another_kind_of_tokenizer_is_refused() -> None:
    """A list of whole words has no unknown parts to fall back on."""
    with pytest.raises(SpecError, match="expected a tokenizer Unigram, BPE, WordPiece, got WordLevel"):
        divided(Tokenizer(models.WordLevel({"a": 0})), latin=1, always=frozenset())


KINDS = {
    PieceKind.CHINESE: ["咳嗽", "B超", "，", "12.5", "", "α", "の", "々", "a", "☃"],
    PieceKind.LATIN: ["the", "mg/L", "ＣＴ"],
    PieceKind.OTHER: ["気づ", "ひど", "правда", "한", "한국"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts])
def test_kinds_by_script(kind: PieceKind, text: str) -> None:
    """Kana beside Han is Japanese; single letters that Chinese text uses are kept."""
    assert kind_of(text) is kind


def test_normalisers_are_unchanged() -> None:
    """Only pieces and ids differ in the file."""
    whole = unigram()
    whole.normalizer = normalizers.NFKC()
    content, other = (
        json.loads(one.to_str()) for one in (whole, divided(whole, latin=1, always=frozenset()).tokenizer)
    )
    same = ("normalizer", "pre_tokenizer", "decoder", "truncation", "padding")
    assert [content[name] for name in same] == [other[name] for name in same]
