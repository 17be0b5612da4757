"""The network of a file in the format E5S1, as transformers' BertModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcmbench.store import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.models.e5s1.model_file import ModelFile, Sizes
    from tcmbench.store import Json

_EMBEDDINGS = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}
_MATRICES = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "fi": "intermediate.dense", "fo": "output.dense",
}  # fmt: skip
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def write_weights(contents: ModelFile, path: Path) -> None:
    """Write the weights: matrices of 4 bits in half precision, whose rounding is far below theirs, others in float32.

    Raises:
        KeyError, ValueError: A tensor is missing, or has another shape.
    """
    from safetensors.numpy import save_file

    weights = {}
    for name, own, shape in _names(contents.sizes):
        tensor = contents.tensor(own, *shape)
        weights[name] = tensor.astype(np.float16) if contents.is_packed(own) else tensor
    # Mean pooling doesn't use BERT's pooler, but without its weights transformers warns and draws random ones.
    hidden = contents.sizes.hidden
    weights["pooler.dense.weight"] = np.zeros((hidden, hidden), dtype=np.float16)
    weights["pooler.dense.bias"] = np.zeros(hidden, dtype=np.float32)
    with atomic_write(path) as part:
        save_file(weights, part, metadata={"format": "pt"})


def configuration(sizes: Sizes) -> dict[str, Json]:
    """Return the content of config.json, with the values of intfloat/multilingual-e5-small that aren't in the file."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "attention_probs_dropout_prob": 0.1,
        "hidden_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_size": sizes.hidden,
        "initializer_range": 0.02,
        "intermediate_size": sizes.inner,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": sizes.positions,
        "num_attention_heads": sizes.heads,
        "num_hidden_layers": sizes.layers,
        "pad_token_id": 1,
        "position_embedding_type": "absolute",
        "type_vocab_size": sizes.types,
        "vocab_size": sizes.vocabulary,
        # The precision that the weights are loaded in; half precision is only how they are stored.
        "dtype": "float32",
        # Without a version, transformers warns of a regular expression that only Mistral's tokenizers have.
        "transformers_version": "5.0.0",
    }


def _names(sizes: Sizes) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the name of each tensor in transformers and in the file, with its shape."""
    rows = {"word": sizes.vocabulary, "pos": sizes.positions, "type": sizes.types}
    for short, long in _EMBEDDINGS.items():
        yield f"embeddings.{long}.weight", f"emb.{short}", (rows[short], sizes.hidden)
    yield "embeddings.LayerNorm.weight", "emb.ln.w", (sizes.hidden,)
    yield "embeddings.LayerNorm.bias", "emb.ln.b", (sizes.hidden,)
    outputs, inputs = {"fi": sizes.inner}, {"fo": sizes.inner}
    for layer in range(sizes.layers):
        place, own = f"encoder.layer.{layer}", f"l{layer}"
        for short, long in _MATRICES.items():
            count = outputs.get(short, sizes.hidden)
            yield f"{place}.{long}.weight", f"{own}.{short}.w", (count, inputs.get(short, sizes.hidden))
            yield f"{place}.{long}.bias", f"{own}.{short}.b", (count,)
        for short, long in _NORMS.items():
            yield f"{place}.{long}.weight", f"{own}.{short}.w", (sizes.hidden,)
            yield f"{place}.{long}.bias", f"{own}.{short}.b", (sizes.hidden,)
