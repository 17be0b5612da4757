"""The reranker's forward pass: the prompt they all begin with is computed once a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3ForCausalLM
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3DecoderLayer


def judge(
    model: Qwen3ForCausalLM, prefix: torch.Tensor, ids: torch.Tensor, last: torch.Tensor, answers: tuple[int, int]
) -> torch.Tensor:
    """Return the logit of yes minus the logit of no after ``prefix`` and each right-padded row of ``ids``.

    ``answers`` are the ids of yes and no. The same number as the plain causal model's (a test holds the two
    together) for three quarters of the work.
    """
    import torch

    core = model.model
    start, rest = core.embed_tokens(prefix[None]), core.embed_tokens(ids)
    positions = torch.arange(prefix.shape[0] + ids.shape[1])[None]
    rotary = core.rotary_emb(rest, positions)
    for layer in core.layers:
        start, rest = _layer(layer, start, rest, rotary)
    hidden = core.norm(rest[torch.arange(len(ids)), last])
    weights = model.lm_head.weight
    logits: torch.Tensor = hidden @ (weights[answers[0]] - weights[answers[1]])
    return logits


def _layer(
    layer: Qwen3DecoderLayer, start: torch.Tensor, rest: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch
    from torch.nn import functional

    attention = layer.self_attn
    before, (rows, length, width) = start.shape[1], rest.shape
    cos, sin = rotary
    parts = [
        _heads(attention, layer.input_layernorm(part), cos[:, span], sin[:, span])
        for part, span in ((start, slice(0, before)), (rest, slice(before, before + length)))
    ]
    (query_start, key_start, value_start), (query, key, value) = parts
    keys = torch.cat([key_start.expand(rows, -1, -1, -1), key], dim=2)
    values = torch.cat([value_start.expand(rows, -1, -1, -1), value], dim=2)
    visible = torch.ones(length, before + length, dtype=torch.bool).tril(diagonal=before)
    mixed_start = functional.scaled_dot_product_attention(query_start, key_start, value_start, is_causal=True)
    mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible)
    outcomes = []
    for hidden, heads in ((start, mixed_start), (rest, mixed)):
        hidden = hidden + attention.o_proj(heads.transpose(1, 2).reshape(*hidden.shape[:2], width))
        outcomes.append(hidden + layer.mlp(layer.post_attention_layernorm(hidden)))
    return outcomes[0], outcomes[1]


def _heads(
    attention: Qwen3Attention, hidden: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    from transformers.models.qwen3.modeling_qwen3 import apply_rotary_pos_emb

    shape = (*hidden.shape[:2], -1, attention.head_dim)
    query = attention.q_norm(attention.q_proj(hidden).view(shape)).transpose(1, 2)
    key = attention.k_norm(attention.k_proj(hidden).view(shape)).transpose(1, 2)
    query, key = apply_rotary_pos_emb(query, key, cos, sin)
    return query, key, attention.v_proj(hidden).view(shape).transpose(1, 2)
