"""``python -m models.recipes.qwen3_shape WORKSPACE``: bases of a Qwen3's shape with random weights.

What a recipe needs of time and memory depends on the shape of its base, not on what the base knows. So the shipped
recipes for Qwen3-Embedding and Qwen3-Reranker can be tried on a machine that has no hub: the bases written here stand
in the workspace under their names, and hide the bundled ones there. Their scores mean nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import Qwen3Config

_MODELS = Path(__file__).parents[1]
_NOT_COPIED = shutil.ignore_patterns("model.safetensors", "README.md")


class Shape(NamedTuple):
    """Size of a network, as its configuration on the hub has it."""

    hidden: int
    layers: int
    heads: int
    inner: int
    """Width of the feed-forward layers."""

    key_value_heads: int = 8
    head: int = 128
    vocabulary: int = 151_669


SHAPES: Mapping[str, Shape] = {
    "0.6b": Shape(hidden=1024, layers=28, heads=16, inner=3072),
    "4b": Shape(hidden=2560, layers=36, heads=32, inner=9728),
    "8b": Shape(hidden=4096, layers=36, heads=32, inner=12_288),
}
_COPIED = {"embedding": "mini-zh", "reranker": "mini-zh-reranker"}
"""Kind → bundled base whose tokenizer, template and layout are taken."""


def main() -> None:
    """Write an embedding model and a reranker of one size into a workspace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path, help="folder that `tcmbench init` made")
    parser.add_argument("--size", choices=sorted(SHAPES), default="0.6b")
    arguments = parser.parse_args()
    for kind in _COPIED:
        print(write(arguments.workspace, kind=kind, size=arguments.size, shape=SHAPES[arguments.size]))


def write(workspace: Path, *, kind: str, size: str, shape: Shape) -> Path:
    """Write the weights (bfloat16, seed 0) and the base's file of one kind; return the base's file."""
    name = f"qwen3-{kind}-{size}"
    folder = workspace / "models" / name
    bundled = (_MODELS / "bases" / f"{name}.toml").read_text(encoding="utf-8")
    _write_weights(folder, kind=kind, shape=shape)
    if kind == "embedding":
        _write_settings(folder, tomllib.loads(bundled), shape=shape)
    lines = [line for line in bundled.splitlines() if not line.startswith(("hub_id", "description", "license"))]
    lines += [
        f'path = "{name}"',
        'license = "none: random weights"',
        'description = "Random weights: scores mean nothing."',
    ]
    base = workspace / "models" / "bases" / f"{name}.toml"
    base.parent.mkdir(parents=True, exist_ok=True)
    base.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return base


def _write_weights(folder: Path, *, kind: str, shape: Shape) -> None:
    import torch
    from transformers import Qwen3ForCausalLM

    source = _MODELS / _COPIED[kind]
    shutil.copytree(source, folder, ignore=_NOT_COPIED, dirs_exist_ok=True)
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        network = Qwen3ForCausalLM(_configuration(source, shape=shape))
    finally:
        torch.set_default_dtype(before)
    network.save_pretrained(folder)
    (folder / "generation_config.json").unlink()


def _write_settings(folder: Path, base: Mapping[str, Any], *, shape: Shape) -> None:
    """Write the width, and what the base's file says of prompts and length, where the copied files say otherwise."""
    prompts = {"query": base["query_prompt"], "document": base["document_prompt"]}
    changes: Mapping[str, dict[str, Any]] = {
        "1_Pooling/config.json": {"word_embedding_dimension": shape.hidden},
        "config_sentence_transformers.json": {"prompts": prompts},
        "sentence_bert_config.json": {"max_seq_length": base["max_length"]},
    }
    for name, changed in changes.items():
        path = folder / name
        settings = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**settings, **changed}, ensure_ascii=False), encoding="utf-8")


def _configuration(source: Path, *, shape: Shape) -> Qwen3Config:
    from transformers import Qwen3Config

    # the special tokens are those of the tokenizer that is copied; all others are never seen
    end = json.loads((source / "config.json").read_text(encoding="utf-8"))["eos_token_id"]
    return Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head,
        max_position_embeddings=32_768,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        dtype="bfloat16",
    )


if __name__ == "__main__":
    main()
