"""Where the reranker starts: a network set by hand to count the query's rare words in the document.

Left to itself a network of this size and half an hour's training stays at chance (200 steps: 0.17 of the held-back
questions, one in six). So three heads are set to what such a network would have to find first, and training goes on
from there:

1. Layer 0 marks every token behind ``<Document>``.
2. Layer 1: a token of the document looks for its like before the document; what it finds is the token's rarity, and
   nothing (the first token of the prompt) where there is none.
3. Layer 2: the last position takes the mean of these findings over the document; ``yes`` and ``no`` read it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from models.recipes.mini_zh import network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch
    from transformers import Qwen3ForCausalLM
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention

ROTARY_BASE = 1_000_000.0
"""Qwen3's own: half of the channels hardly turn within a passage, so that equal tokens meet wherever they stand."""

_ONE, _MARKER, _INSIDE, _RARITY, _FOUND, _DENSITY, _SINK = range(7)
"""Channels of the residual stream that the circuit keeps for itself."""
_KEPT = 7
_SLOW = range(16, 31)
"""Rotary frequencies whose channels hold content; the slowest, below, holds marks."""
_FIRST_MARK, _SECOND_MARK = 31, 63


def rarities(documents: Iterable[Sequence[int]], *, vocabulary: int, template: Iterable[int]) -> torch.Tensor:
    """Return for each token 0 (in every document, or a word of the prompt) to 2 (in one document or none)."""
    import torch

    counts = torch.ones(vocabulary)
    total = 1
    for document in documents:
        counts[list(set(document))] += 1
        total += 1
    found = 2 * (math.log(total) - counts.log()) / math.log(total)
    found[list(template)] = 0.0
    return found.clamp(0.0, 2.0)


def start_matching(
    vectors: torch.Tensor, rarity: torch.Tensor, *, marker: int, sink: int, answers: tuple[int, int], seed: int
) -> Qwen3ForCausalLM:
    """Return a network over mini-zh's token ``vectors`` that scores by the rare words found.

    ``marker`` is the token that opens the document, ``sink`` the prompt's first, ``answers`` are yes and no.
    """
    import torch
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = network.configuration(vocabulary=len(vectors), end_id=sink)
    config.max_position_embeddings = network.RERANKER_MAX_LENGTH
    config.rope_parameters = {"rope_type": "default", "rope_theta": ROTARY_BASE}
    model = Qwen3ForCausalLM(config).float()
    with torch.no_grad():
        _set_vectors(model, vectors, rarity, marker=marker, sink=sink, answers=answers)
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.normal_(0.0, 0.005)
            layer.mlp.down_proj.weight.normal_(0.0, 0.005)
        attentions = [layer.self_attn for layer in model.model.layers]
        _mark_document(attentions[0])
        _find_likes(attentions[1])
        _mean_over_document(attentions[2])
    return model


def _set_vectors(
    model: Qwen3ForCausalLM,
    vectors: torch.Tensor,
    rarity: torch.Tensor,
    *,
    marker: int,
    sink: int,
    answers: tuple[int, int],
) -> None:
    table = model.model.embed_tokens.weight
    table.copy_(vectors)
    table[sink] = 0.0
    for answer, sign in zip(answers, (1.0, -1.0), strict=True):
        table[answer] = 0.0
        table[answer, _DENSITY] = sign
    table[:, :_DENSITY] = 0.0
    table[:, _SINK] = 0.0
    table[:, _ONE] = 1.0
    table[:, _RARITY] = rarity
    table[marker, _MARKER] = 8.0
    table[sink, _SINK] = 4.0
    others = [token for token in range(len(table)) if token not in answers]
    table[others, _DENSITY] = 0.0


def _mark_document(attention: Qwen3Attention) -> None:
    """Head 0 finds the token that opens the document, once it has been passed."""
    query, key, value, outcome = _head(attention, 0)
    query[_FIRST_MARK, _ONE] = 1.0
    key[_FIRST_MARK, _MARKER] = 1.0
    key[_SECOND_MARK, _ONE] = 0.2
    value[0, _MARKER] = 0.3
    outcome[_INSIDE, 0] = 1.0


def _find_likes(attention: Qwen3Attention) -> None:
    """Heads 0 and 1 find a token's like outside the document; each has a projection of its own."""
    import torch

    attention.q_norm.weight.fill_(3.0)
    channels = [*_SLOW, *(channel + 32 for channel in _SLOW)]
    for number in (0, 1):
        query, key, value, outcome = _head(attention, number)
        projection = torch.randn(len(channels), query.shape[1]) / (len(channels) * query.shape[1]) ** 0.5
        projection[:, :_KEPT] = 0.0
        query[channels] = projection
        key[channels] = projection
        query[_FIRST_MARK, _ONE] = 0.6
        key[_FIRST_MARK, _SINK] = 1.0
        query[_SECOND_MARK, _ONE] = -1.0
        key[_SECOND_MARK, _INSIDE] = 0.7
        value[0, _RARITY] = 1.0
        outcome[_FOUND, 0] = 0.5


def _mean_over_document(attention: Qwen3Attention) -> None:
    """Head 0 weighs all tokens of the document alike."""
    query, key, value, outcome = _head(attention, 0)
    query[_FIRST_MARK, _ONE] = 1.0
    key[_FIRST_MARK, _INSIDE] = 1.0
    key[_SECOND_MARK, _ONE] = 0.3
    value[0, _FOUND] = 4.0
    outcome[_DENSITY, 0] = 2.0


def _head(attention: Qwen3Attention, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return one head's query, key, value and output weights, all set to zero."""
    rows = slice(number * attention.head_dim, (number + 1) * attention.head_dim)
    parts = (
        attention.q_proj.weight[rows],
        attention.k_proj.weight[rows],
        attention.v_proj.weight[rows],
        attention.o_proj.weight[:, rows],
    )
    for part in parts:
        part.zero_()
    return parts
