"""A BERT of random numbers that reads single characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tcmbench.models import tuned_model
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.model import Model

CHARACTERS = "头痛发热三日恶寒无汗咳嗽腰膝酸软胃脘隐喜温按食少便溏晕耳鸣寐多梦，。a"


def write(folder: Path, **fields: Any) -> Model:
    """Write the model into a folder, and return it; `fields` are those of its base."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {piece: number for number, piece in enumerate([*special, *dict.fromkeys(CHARACTERS)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=48)
    modules = [transformer, Pooling(32, pooling_mode="mean"), *([Normalize()] if fields.get("normalize", True) else [])]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    base = Base.model_validate(
        {
            "name": "tiny", "kind": "embedding", "path": "tiny", "architecture": "bert", "pooling": "mean",
            "max_length": 48, **fields,
        }
    )  # fmt: skip
    return tuned_model(base, name="tiny", model_dir=folder, seed=0)
