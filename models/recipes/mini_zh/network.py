"""The network: Qwen3 at a size two processor cores can train, started as a mean of token vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3DecoderLayer

MAX_LENGTH = 512
RERANKER_MAX_LENGTH = 1024
"""The reranker reads a query, a document and a prompt of 66 tokens that must not be cut."""
HIDDEN = 256
_SMALL = 0.02
IMPORTANCE, UNIT = 0, 1
"""Channels of a token vector whose angle tells how much the token counts."""
REACH = 4.0
"""Largest logit that a token's importance gives: the rarest word may count e^8 times as much as a particle."""
MEAN_GAIN = 8.0
"""What the mean is multiplied by, so that the end's own vector, the same for all texts, doesn't drown it."""
ROTARY_BASE = 10_000.0
_FAST_PAIRS = 6
"""Rotary pairs, fastest first, that tell the token before from the others."""
_NEIGHBOUR_GAIN = 4.0
"""How sharply the head that looks for the token before does so."""
_NEIGHBOUR_SHARE = 0.2
"""Size of the token before in what a position holds."""
_SLOWEST = 31
"""Rotary pair that hardly turns over a whole text: importance doesn't depend on where a token stands."""
_FAINT = 0.002
"""Scale of what starts beside the importance: enough to learn from, too little to be seen."""


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
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        tie_word_embeddings=True,
        attention_bias=False,
        use_cache=False,
        bos_token_id=end_id,
        eos_token_id=end_id,
        pad_token_id=end_id,
        dtype="float32",
    )


def start(config: Qwen3Config, *, vectors: torch.Tensor, seed: int) -> Qwen3ForCausalLM:
    """Return a network whose last position begins as the weighted mean of ``vectors`` over the text.

    The last layer's values and outputs are the identity and its attention goes by the tokens' importance. The layers
    below put tokens into context: one head of the first looks at the token before, the rest is near zero. Training
    begins at the quality of the bag of tokens and can only add to it.
    """
    import torch
    from transformers import Qwen3ForCausalLM

    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(config).float()
    layers = model.model.layers
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(vectors)
        for layer in layers:
            layer.self_attn.o_proj.weight.normal_(0.0, _SMALL / 2)
            for projection in (layer.mlp.gate_proj, layer.mlp.up_proj):
                projection.weight.normal_(0.0, config.hidden_size**-0.5)
            layer.mlp.down_proj.weight.normal_(0.0, _SMALL / 4)
        _attend_to_the_token_before(layers[0].self_attn)
        for layer in layers[:-1]:
            for branch in (layer.self_attn.o_proj, layer.mlp.down_proj):
                branch.weight[[IMPORTANCE, UNIT]] = 0.0
        _attend_by_importance(layers[-1].self_attn)
    return model


def _attend_to_the_token_before(attention: Qwen3Attention) -> None:
    """Let head 0 find its neighbour: fast rotary pairs, the query turned on by one position."""
    import math

    head = attention.head_dim
    attention.q_proj.weight[:head].normal_(0.0, _FAINT)
    attention.k_proj.weight[:head].normal_(0.0, _FAINT)
    for pair in range(_FAST_PAIRS):
        # transformers turns (a, b) to (a cos - b sin, b cos + a sin); turning by -1 lets one position match the next.
        angle = -(ROTARY_BASE ** (-2 * pair / head))
        attention.k_proj.weight[pair, UNIT] = 1.0
        attention.q_proj.weight[pair, UNIT] = math.cos(angle)
        attention.q_proj.weight[pair + head // 2, UNIT] = math.sin(angle)
    attention.q_norm.weight.fill_(_NEIGHBOUR_GAIN)
    attention.v_proj.weight[:head].normal_(0.0, attention.v_proj.in_features**-0.5)
    attention.o_proj.weight[:, :head].normal_(0.0, _NEIGHBOUR_SHARE * head**-0.5)


def _attend_by_importance(attention: Qwen3Attention) -> None:
    """Set every head to the mean over all tokens before, weighted by their importance (`bag.bag`)."""
    import torch

    width, head = attention.q_proj.weight.shape[1], attention.head_dim
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight.normal_(0.0, _FAINT)
    for first in range(0, attention.q_proj.weight.shape[0], head):
        attention.q_proj.weight[first + _SLOWEST, UNIT] = 1.0
        attention.k_proj.weight[first + _SLOWEST, IMPORTANCE] = 1.0
        attention.k_proj.weight[first + _SLOWEST - 1, UNIT] = 1.0
    # Normalised, both are of length sqrt(head); the logit is their product by sqrt(head).
    attention.q_norm.weight.fill_(REACH / head**0.5)
    attention.v_proj.weight.copy_(torch.eye(width))
    attention.o_proj.weight.copy_(torch.eye(width) * MEAN_GAIN)


def encode(model: Qwen3ForCausalLM, ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Return the unit vectors of right-padded ``ids``, read at position ``last`` of each row.

    The same as pooling the whole network's last layer (a test holds the two together), but that layer is
    computed for one position per text only: a fifth of the work saved. Padding to the right of ``last`` is
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
