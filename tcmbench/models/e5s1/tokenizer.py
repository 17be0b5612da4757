"""XLM-R's tokenizer from a file in the format E5S1.

The file has the pieces with their scores, and the normalised form of single characters, but not XLM-R's rules for
sequences of characters (nmt_nfkc: a letter and its accent, a syllable of Hangul). sentencepiece has these, in every
model that it trains.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from tcmbench.errors import MissingExtra
from tcmbench.store import write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

    from tcmbench.models.e5s1.model_file import ModelFile
    from tcmbench.store import Json

_RULES_SHA256 = "1e2c7b43d3ee9755ceaa2ac335e253d8703604e0249ee1e81156c92b46423844"
"""Hash of the rules of sentencepiece 0.2.3; other rules would be another tokenizer under the same name."""

_JOINER = "\u200d"
"""The only character that XLM-R's rules change and those of sentencepiece 0.2.3 leave: XLM-R's make it a space."""

_BEGIN, _PADDING, _END, _UNKNOWN, _MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"


def write(contents: ModelFile, target: Path) -> None:
    """Write the files of the tokenizer.

    Raises:
        MissingExtra: sentencepiece isn't installed, or has other rules of normalisation.
    """
    write_text(target / "tokenizer.json", tokenizer(contents).to_str())
    settings: dict[str, Json] = {
        # The class that reads tokenizer.json as it is; XLMRobertaTokenizer builds one without rules of normalisation.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": _BEGIN,
        "cls_token": _BEGIN,
        "eos_token": _END,
        "sep_token": _END,
        "unk_token": _UNKNOWN,
        "pad_token": _PADDING,
        "mask_token": _MASK,
        "model_max_length": contents.sizes.positions,
        "padding_side": "right",
        "clean_up_tokenization_spaces": False,
    }
    write_json(target / "tokenizer_config.json", settings)


def tokenizer(contents: ModelFile) -> Tokenizer:
    """Return the tokenizer, with the ids of the original.

    Raises:
        MissingExtra: sentencepiece isn't installed, or has other rules of normalisation.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    vocabulary = [(piece, float(score)) for piece, score in zip(contents.pieces, contents.scores, strict=True)]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=contents.special.unknown, byte_fallback=False))
    rules = normalizers.Precompiled(_rules())
    made.normalizer = normalizers.Sequence([normalizers.Replace(_JOINER, " "), rules])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", prepend_scheme="always")]
    )
    made.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    made.post_processor = processors.TemplateProcessing(
        single=f"{_BEGIN} $A {_END}",
        pair=f"{_BEGIN} $A {_END} {_END} $B {_END}",
        special_tokens=[(_BEGIN, contents.special.begin), (_END, contents.special.end)],
    )
    special = [AddedToken(text, normalized=False, special=True) for text in (_BEGIN, _PADDING, _END, _UNKNOWN)]
    made.add_special_tokens([*special, AddedToken(_MASK, lstrip=True, normalized=False, special=True)])
    return made


def _rules() -> bytes:
    """Return the compiled rules nmt_nfkc, out of a model that is trained on a handful of letters.

    Raises:
        MissingExtra: sentencepiece isn't installed, or has other rules.
    """
    try:
        import sentencepiece
        from sentencepiece import sentencepiece_model_pb2
    except ImportError as error:
        raise MissingExtra.of("sentencepiece", "e5", purpose="the tokenizer of multilingual-e5-small") from error
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g"] * 8),
        model_writer=model,
        vocab_size=12,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    rules: bytes = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue()).normalizer_spec.precompiled_charsmap
    if hashlib.sha256(rules).hexdigest() != _RULES_SHA256:
        raise MissingExtra(
            f"sentencepiece {sentencepiece.__version__} has other rules of normalisation than version 0.2.3, from "
            "which the tokenizer of multilingual-e5-small is built. Run: pip install 'sentencepiece==0.2.3'"
        )
    return rules
