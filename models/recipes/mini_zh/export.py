"""Write a model folder in the layout of the Qwen3 embedding and reranker models."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from models.recipes.mini_zh.batches import QUERY_PROMPT
from models.recipes.mini_zh.network import HIDDEN, MAX_LENGTH
from models.recipes.mini_zh.templates import chat_template
from models.recipes.mini_zh.tokenizer import append_end, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

_MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))

NORMALIZE: Mapping[str, object] = {
    "module_input_name": "sentence_embedding",
    "module_output_name": "sentence_embedding",
}
_STREAM = 0.1
"""What the residual stream is scaled by."""

_RERANKER_TRANSFORMER: Mapping[str, object] = {
    "transformer_task": "text-generation",
    "modality_config": {
        "text": {"method": "forward", "method_output_name": "logits"},
        "message": {"method": "forward", "method_output_name": "logits", "format": "flat"},
    },
    "module_output_name": "causal_logits",
}
"""Without the message modality a CrossEncoder would skip the chat template."""


def export_embedding(model: Qwen3ForCausalLM, tokenizer: Tokenizer, *, folder: Path) -> None:
    """Write a folder that sentence-transformers, transformers, mteb and ms-swift read alike."""
    _write_network(scale_stream(model, _STREAM), tokenizer=append_end(tokenizer), folder=folder, chat_template=None)
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(_MODULES)
    ]
    _write_json(folder / "modules.json", modules)
    _write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": HIDDEN,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": False,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
            "pooling_mode_weightedmean_tokens": False,
            "pooling_mode_lasttoken": True,
            "include_prompt": True,
        },
    )
    _write_json(
        folder / "config_sentence_transformers.json",
        {
            "prompts": {"query": QUERY_PROMPT, "document": ""},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_LENGTH, "do_lower_case": False})


def scale_stream(model: Qwen3ForCausalLM, factor: float) -> Qwen3ForCausalLM:
    """Return the same function with everything that adds to the residual stream multiplied by ``factor``.

    Every layer normalises what it reads, so no vector changes. But the recipe trains token vectors of size one at ten
    times the rate of the matrices, and trainers have one rate for all: scaled, it fits both.
    """
    import copy

    import torch

    scaled = copy.deepcopy(model)
    with torch.no_grad():
        scaled.model.embed_tokens.weight.mul_(factor)
        for layer in scaled.model.layers:
            layer.self_attn.o_proj.weight.mul_(factor)
            layer.mlp.down_proj.weight.mul_(factor)
    return scaled


def export_reranker(model: Qwen3ForCausalLM, tokenizer: Tokenizer, *, folder: Path) -> None:
    """Write a folder that transformers, sentence-transformers' CrossEncoder and ms-swift read alike."""
    _write_network(model, tokenizer=tokenizer, folder=folder, chat_template=chat_template())
    roots = (
        "sentence_transformers.base.modules.transformer",
        "sentence_transformers.cross_encoder.modules.logit_score",
    )
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{roots[0]}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_LogitScore", "type": f"{roots[1]}.LogitScore"},
    ]
    _write_json(folder / "modules.json", modules)
    answers = {"true_token_id": tokenizer.token_to_id("yes"), "false_token_id": tokenizer.token_to_id("no")}
    _write_json(folder / "1_LogitScore" / "config.json", {**answers, "module_input_name": "causal_logits"})
    _write_json(folder / "config_sentence_transformers.json", {"model_type": "CrossEncoder", "prompts": {}})
    _write_json(folder / "sentence_bert_config.json", _RERANKER_TRANSFORMER)


def replace_weights(source: Path, target: Path) -> None:
    """Put the weights, tokenizer and configuration of ``source`` into ``target``, file by file, card untouched."""
    for file in sorted(source.rglob("*")):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_name(f".{place.name}.new")
            shutil.copyfile(file, temporary)
            temporary.replace(place)


def _write_network(model: Qwen3ForCausalLM, *, tokenizer: Tokenizer, folder: Path, chat_template: str | None) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    half = type(model)(model.config)
    half.load_state_dict(model.state_dict())
    half.to(torch.float16).save_pretrained(folder)
    # Stored in half precision, used in single: "auto" follows the configuration.
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _write_json(folder / "config.json", {**config, "dtype": "float32"})
    (folder / "generation_config.json").unlink()
    (folder / "model.safetensors").chmod(0o644)
    longest = model.config.max_position_embeddings
    wrap(tokenizer, max_length=longest, chat_template=chat_template).save_pretrained(folder)
    written = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    # transformers indents the file; without white space it is a quarter smaller.
    text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")


def _write_json(path: Path, value: Mapping[str, object] | list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
