"""The network: Qwen3 at a size two processor cores can train, started as a mean of token vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer

MAX_LENGTH = 512
RERANKER_MAX_LENGTH = 1024
"""The reranker reads a query, a document and a prompt of 66 tokens that must not be cut."""
HIDDEN = 256
_SMALL = 0.02
_QUERY_GAIN = 0.3
"""Initial gain of the query normalisation: attention logits stay near zero, so attention starts nearly uniform."""


def configuration(*, vocabulary: int, end_id: int) -> Qwen3Config:
    """Return the Qwen3 configuration: 3.0 M parameters beside 2.6 M of token vectors."""
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=64,
        max_position_embeddings=MAX_LENGTH,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        attention_bias=False,
        use_cache=False,
        bos_token_id=end_id,
        eos_token_id=end_id,
        pad_token_id=end_id,
        dtype="float32",
    )


def start(config: Qwen3Config, *, vectors: torch.Tensor, seed: int) -> Qwen3ForCausalLM:
    """Return a network whose last position begins as the mean of ``vectors`` over the text.

    The first layer's values and outputs are the identity, its attention is nearly uniform and every other
    branch is near zero: training begins at the quality of the bag of tokens and can only add to it.
    """
    import torch
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(config).float()
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(vectors)
        for number, layer in enumerate(model.model.layers):
            attention = layer.self_attn
            attention.q_norm.weight.fill_(_QUERY_GAIN if number == 0 else 1.0)
            if number == 0:
                attention.v_proj.weight.copy_(torch.eye(config.hidden_size))
                attention.o_proj.weight.copy_(torch.eye(config.hidden_size) * 2.0)
            else:
                attention.o_proj.weight.normal_(0.0, _SMALL / 2)
            layer.mlp.down_proj.weight.normal_(0.0, _SMALL / 2)
    return model


def encode(model: Qwen3ForCausalLM, ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Return the unit vectors of right-padded ``ids``, read at position ``last`` of each row.

    The same as pooling the whole network's last layer (a test holds the two together), but that layer is
    computed for one position a text only: a fifth of the work saved. Padding to the right of ``last`` is
    never seen, since attention is causal.
    """
    import torch
    from torch.nn import functional

    core = model.model
    hidden = core.embed_tokens(ids)
    positions = torch.arange(ids.shape[1])[None]
    rotary = core.rotary_emb(hidden, positions)
    for layer in core.layers[:-1]:
        hidden = layer(hidden, attention_mask=None, position_ids=positions, position_embeddings=rotary)
    hidden = _last_layer(core.layers[-1], hidden, rotary, last)
    return functional.normalize(core.norm(hidden), dim=-1)


def _last_layer(
    layer: Qwen3DecoderLayer,
    hidden: torch.Tensor,
    rotary: tuple[torch.Tensor, torch.Tensor],
    last: torch.Tensor,
) -> torch.Tensor:
    import torch
    from torch.nn import functional
    from transformers.models.qwen3.modeling_qwen3 import apply_rotary_pos_emb

    attention = layer.self_attn
    rows = torch.arange(hidden.shape[0])
    cos, sin = rotary
    normed = layer.input_layernorm(hidden)
    shape = (*hidden.shape[:2], -1, attention.head_dim)
    keys = attention.k_norm(attention.k_proj(normed).view(shape)).transpose(1, 2)
    values = attention.v_proj(normed).view(shape).transpose(1, 2)
    query = attention.q_norm(attention.q_proj(normed[rows, last]).view(len(rows), 1, -1, attention.head_dim))
    query = query.transpose(1, 2)
    query = apply_rotary_pos_emb(query, query, cos[0, last][:, None], sin[0, last][:, None])[0]
    keys = apply_rotary_pos_emb(keys, keys, cos, sin)[0]
    visible = torch.arange(hidden.shape[1])[None] <= last[:, None]
    mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible[:, None, None])
    outcome = hidden[rows, last] + attention.o_proj(mixed.transpose(1, 2).reshape(len(rows), -1))
    result: torch.Tensor = outcome + layer.mlp(layer.post_attention_layernorm(outcome))
    return result
