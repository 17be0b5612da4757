"""The model types of ms-swift (`--model_type`) that can be trained here, and what to do instead of the others.

A type decides how ms-swift opens a network and pools its vectors. One that it trains in another way than the model is
evaluated, or that can't be written afterwards, is refused before anything starts. The table in docs/gpu.md lists all.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal, NamedTuple

from tcmbench.errors import SpecError
from tcmbench.models import folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.specs.base import Base, Pooling

Network = Literal["AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification"]


class ModelType(NamedTuple):
    """A model type and the way in which its models are opened after a training."""

    name: str
    """ms-swift's name, or that of a type in `plugin/encoder_types.py`."""

    network: Network
    """Class of transformers that opens the weights; a decoder with a one-label head needs another."""

    pooling: Pooling = "last"
    """How ms-swift makes one vector of those of the tokens."""

    task: Literal["embedding", "reranker"] = "embedding"
    """What it trains."""


POOLED: Mapping[Pooling, ModelType] = {
    "mean": ModelType("tcmbench_mean", "AutoModel", "mean"),
    "cls": ModelType("tcmbench_cls", "AutoModel", "cls"),
}
"""Types of this package, for encoders: ms-swift has none that pools by the mean, and one for the first token that
opens ModernBERT alone."""

PAIRS = ModelType("tcmbench_pairs", "AutoModelForSequenceClassification", "cls", "reranker")
"""The type of this package for cross-encoders: query and document as the tokenizer's pair, a head with one label."""

TRAINED: Mapping[str, ModelType] = {
    kind.name: kind
    for kind in (
        *POOLED.values(),
        PAIRS,
        ModelType("modern_bert_gte", "AutoModel", "cls"),
        ModelType("qwen3_emb", "AutoModelForCausalLM"),
        ModelType("qwen3_reranker", "AutoModelForCausalLM", task="reranker"),
    )
}

_OWN = (
    'Remove swift_model_type from the base: an encoder with pooling = "mean" or "cls" is trained by a plug-in of '
    'tcmbench; or use trainer = "sentence_transformers"'
)
_WITHOUT_HEAD = f"ms-swift looks for the head of a language model in it and finds none. {_OWN}"
_SENTENCE_TRANSFORMERS = (
    "ms-swift trains it as a model of sentence-transformers, and tcmbench doesn't finish such checkpoints. "
    'Use trainer = "sentence_transformers"'
)
_IMAGES = "it reads images, and the models of tcmbench read texts. Use a text model"
_CROSS_ENCODER = (
    "its template joins query and document as text, which gives other tokens than evaluation's pairs. "
    "Remove swift_model_type from the base: cross-encoders are trained by a plug-in of tcmbench"
)

_ENCODERS = frozenset({"bert", "xlm-roberta"})
"""Architectures whose rerankers are cross-encoders with a one-label head."""

REFUSED: Mapping[str, str] = {
    "bert": _WITHOUT_HEAD,
    "modern_bert": f"ms-swift opens it as a causal language model, which ModernBERT is not. {_OWN}",
    "gemma_emb": _SENTENCE_TRANSFORMERS,
    "qwen2_gte": _SENTENCE_TRANSFORMERS,
    "bge_reranker": _CROSS_ENCODER,
    "modern_bert_gte_reranker": _CROSS_ENCODER,
    "qwen2_gme": _IMAGES,
    "qwen3_5_emb": _IMAGES,
    "qwen3_vl_emb": _IMAGES,
    "wemm_embedding": _IMAGES,
    "monkeyocrv2": _IMAGES,
    "qwen3_vl_reranker": _IMAGES,
    "jina_reranker_m0": _IMAGES,
}
"""ms-swift's other types of embedding models and rerankers: why they are refused, and what to do."""

_MODULES = ("Transformer", "Pooling", "Normalize")
"""Modules of sentence-transformers that ms-swift's vectors correspond to."""


def of(base: Base, *, where: str) -> ModelType:
    """Return the model type that a base is trained as.

    Args:
        base: With the settings of its folder filled in.
        where: Names the variant in messages.

    Raises:
        SpecError: There is none, or one that can't be trained; the message says what to do.
    """
    name = base.swift_model_type
    if name is None:
        return _pooled(base, where=where)
    if name in REFUSED:
        raise SpecError(
            f"{where}: base {base.name} has swift_model_type = {name!r}, which can't be trained: {REFUSED[name]}."
        )
    if name not in TRAINED:
        close = difflib.get_close_matches(name, TRAINED, n=1)
        suggestion = f" Did you mean {close[0]!r}?" if close else ""
        raise SpecError(
            f"{where}: base {base.name} has swift_model_type = {name!r}, with which tcmbench can't finish a training."
            f"{suggestion} It can with: {', '.join(sorted(TRAINED))}. To add one, add it to TRAINED in {__name__}."
        )
    kind = TRAINED[name]
    if kind.task != base.kind:
        raise SpecError(
            f"{where}: swift_model_type {name!r} is for bases of kind {kind.task}, and base {base.name} is of kind "
            f"{base.kind}."
        )
    if kind.task == "embedding" and kind.pooling != base.pooling:
        raise SpecError(
            f"{where}: ms-swift pools {name!r} by {kind.pooling}, and base {base.name} is evaluated with pooling "
            f"{base.pooling}: it would be trained for other vectors. {_OWN}."
        )
    return kind


def refuse_other_modules(base: Base, base_dir: Path, *, where: str) -> None:
    """Refuse a base with layers after pooling: ms-swift's loss would not see them, and evaluation does.

    Raises:
        SpecError: modules.json names such a module.
    """
    if base.kind != "embedding":
        return
    others = [kind for _, kind in folder.module_types(base_dir) if not kind.endswith(_MODULES)]
    if others:
        raise SpecError(
            f"{where}: base {base.name} has modules that ms-swift doesn't train "
            f"({', '.join(kind.rpartition('.')[2] for kind in others)} in {base_dir / 'modules.json'}), so it would be "
            'trained for other vectors than it is evaluated with. Use trainer = "sentence_transformers".'
        )


def refuse_other_heads(base: Base, head: str, *, where: str) -> None:
    """Refuse a cross-encoder with another head or with an instruction, neither of which evaluation would read.

    Raises:
        SpecError: The recipe or the base has one.
    """
    if of(base, where=where) is not PAIRS:
        return
    if head != "classification":
        raise SpecError(
            f"{where}: base {base.name} is an encoder, which scores pairs by a head with one label. "
            'Set head = "classification".'
        )
    if base.instruction:
        raise SpecError(
            f"{where}: base {base.name} is an encoder without a chat template, so its instruction has no place in a "
            "pair. Remove the instruction, or use a decoder."
        )


def _pooled(base: Base, *, where: str) -> ModelType:
    """Return the type of an encoder, by its pooling and its task."""
    if base.kind == "embedding" and base.architecture != "static" and base.pooling is not None:
        pooled = POOLED.get(base.pooling)
        if pooled is not None:
            return pooled
    if base.kind == "reranker":
        if base.architecture in _ENCODERS:
            return PAIRS
        raise SpecError(
            f"{where}: ms-swift can't train base {base.name} without its swift_model_type (qwen3_reranker for a "
            'decoder that answers yes or no) or its architecture ("bert" or "xlm-roberta" for a cross-encoder).'
        )
    advice = 'Use trainer = "sentence_transformers"'
    if base.architecture == "static":
        advice += ' with tuner = "full" (a static model is one table: there is no layer to adapt)'
    raise SpecError(
        f"{where}: ms-swift can't train base {base.name} (architecture {base.architecture or 'unknown'}, pooling "
        f"{base.pooling or 'unknown'}) without a swift_model_type. {advice}, or give the base its swift_model_type "
        "(qwen3_emb for a decoder)."
    )
