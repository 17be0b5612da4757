"""Layers of a network: which are frozen, and the learning rate of each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tcmbench.errors import TrainingError
from tcmbench.trainers._runtime.layer_names import TOKENS, depths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentence_transformers import SentenceTransformer

    from tcmbench.specs.keep import Keep
    from tcmbench.specs.variant import Training


def freeze(model: SentenceTransformer, keep: Keep, *, where: str) -> None:
    """Exclude the frozen weights from the training.

    Raises:
        TrainingError: The network's weights have no numbered layers, or nothing is left to train.
    """
    if not keep.frozen_layers and not keep.frozen_tokens:
        return
    found = depths([name for name, _ in model.named_parameters()])
    _refuse_unknown(found, keep, where=where)
    for name, weight in model.named_parameters():
        depth = found[name]
        if depth is not None and (keep.frozen_tokens if depth == TOKENS else depth < keep.frozen_layers):
            weight.requires_grad_(False)
    if not any(weight.requires_grad for weight in model.parameters()):
        raise TrainingError(f"{where}: all weights are frozen, so nothing is trained. Lower keep.frozen_layers.")


def rates(model: SentenceTransformer, training: Training, *, where: str) -> dict[str, float]:
    """Return pattern of weight names → learning rate, for weights with a rate other than `learning_rate`.

    Layer l of L, counted from 0, has `learning_rate · layer_decay^(L−1−l)`, what lies below the layers
    `learning_rate · layer_decay^L`, and what lies above them `learning_rate`. A separate rate of the token vectors
    comes first.
    """
    keep = training.keep
    by_name: dict[str, float] = {}
    if keep.layer_decay < 1:
        found = depths([name for name, _ in model.named_parameters()])
        _refuse_unknown(found, keep, where=where)
        top = max(depth for depth in found.values() if depth is not None)
        by_name = {
            name: training.learning_rate * keep.layer_decay ** (top - depth)
            for name, depth in found.items()
            if depth is not None and depth != top
        }
    if training.token_learning_rate is not None:
        by_name |= dict.fromkeys(_token_weights(model), training.token_learning_rate)
    groups: dict[float, list[str]] = {}
    for name, rate in by_name.items():
        groups.setdefault(rate, []).append(re.escape(name))
    return {rf"(^|\.)({'|'.join(names)})$": rate for rate, names in groups.items()}


def _token_weights(model: SentenceTransformer) -> list[str]:
    first = model[0]
    table = first.auto_model.get_input_embeddings() if hasattr(first, "auto_model") else first.embedding
    own = {id(weight) for weight in table.parameters()}
    return [name for name, weight in model.named_parameters() if id(weight) in own]


def _refuse_unknown(found: Mapping[str, int | None], keep: Keep, *, where: str) -> None:
    """Refuse a network whose layers or token vectors aren't recognised by their names."""
    has_layers = any(depth is not None and depth != TOKENS for depth in found.values())
    if (keep.frozen_layers or keep.layer_decay < 1) and not has_layers:
        raise TrainingError(
            f"{where}: expected weights named after numbered layers, such as layers.0 or layer.0, and found none; "
            "remove keep.frozen_layers and keep.layer_decay, or use keep.l2_sp."
        )
    if keep.frozen_tokens and TOKENS not in found.values():
        raise TrainingError(
            f"{where}: found no weights named embeddings or embed_tokens. Remove keep.frozen_tokens, or use keep.l2_sp."
        )
