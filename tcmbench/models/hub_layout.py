"""The folder of a tuned model: its base's files with the tuned weights, complete for all loaders.

sentence-transformers uses defaults for missing files, which differ from evaluation: without `modules.json` it
applies the chat template to texts, without a chat template it joins query and document with a separator.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.errors import SpecError
from tcmbench.models.folder import SYMMETRIC, module_types
from tcmbench.store import write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from tcmbench.specs.base import Base
    from tcmbench.store import Json

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf", ".index.json")
_LEFT_OUT = ("README.md", "LICENSE", ".gitattributes", "training_args.bin", "onnx", "openvino", ".cache", ".git")

_OF_MODULES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")

_SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
"""System message of Qwen3-Reranker's training (its model card) and of ms-swift's template."""


def copy_companions(base_dir: Path, target: Path) -> None:
    """Copy all files of a base except the weights of its network.

    Modules that ms-swift doesn't train (a dense layer after pooling) are copied with their weights, unless `target` has
    weights there, which sentence-transformers trains and writes. Code of a model is not copied.
    """
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(base_dir.iterdir()):
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir():
            written = ("*.safetensors",) if any((target / entry.name).rglob("*.safetensors")) else ()
            ignored = shutil.ignore_patterns("*.bin", "*.pt", "*.py", "*.pkl", *written)
            shutil.copytree(entry, target / entry.name, ignore=ignored, dirs_exist_ok=True)
        elif not entry.name.endswith((*_WEIGHTS, ".py", ".pkl")) and entry.name != "config.json":
            # The hub's cache contains links into a folder of blobs; the copy must not.
            shutil.copyfile(entry, target / entry.name)


def write_embedding_modules(target: Path, *, base: Base, dimensions: int) -> None:
    """Write sentence-transformers' files of an embedding model, where the base has none.

    Raises:
        SpecError: The base has none and doesn't declare `pooling`.
    """
    prompts: dict[str, Json] = {"query": base.query_prompt, "document": base.document_prompt}
    if base.symmetric_prompt is not None:
        prompts[SYMMETRIC] = base.symmetric_prompt
    settings_file = target / "config_sentence_transformers.json"
    settings = strict_json.loads(settings_file.read_text(encoding="utf-8")) if settings_file.is_file() else {}
    settings = {"similarity_fn_name": "cosine", **settings, "prompts": prompts, "default_prompt_name": None}
    write_json(settings_file, settings)
    if (target / "modules.json").is_file():
        return
    if base.pooling is None:
        raise SpecError(f"base {base.name}: it has no modules.json, so it must declare `pooling` (last, cls or mean).")
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    if base.normalize:
        kinds.append(("2_Normalize", "Normalize"))
        (target / "2_Normalize").mkdir(exist_ok=True)
    modules: list[Json] = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    write_json(target / "modules.json", modules)
    modes = {"last": "lasttoken", "cls": "cls_token", "mean": "mean_tokens"}
    pooling: dict[str, Json] = {f"pooling_mode_{name}": key == base.pooling for key, name in modes.items()}
    write_json(
        target / "1_Pooling" / "config.json",
        {"word_embedding_dimension": dimensions, **pooling, "include_prompt": True},
    )
    write_json(target / "sentence_bert_config.json", {"max_seq_length": base.max_length, "do_lower_case": False})


def remove_modules(target: Path) -> None:
    """Remove the files of sentence-transformers: a folder without any is read as a network with a head.

    They may be those of the embedding model that the network was before it had one.
    """
    for path, _ in module_types(target):
        if path:
            shutil.rmtree(target / path, ignore_errors=True)
    for name in _OF_MODULES:
        (target / name).unlink(missing_ok=True)


def copy_modules(source: Path, target: Path) -> None:
    """Replace the files of sentence-transformers by those of another folder: modules, prompts and longest input."""
    remove_modules(target)
    for name in _OF_MODULES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    for path, _ in module_types(source):
        if path and (source / path).is_dir():  # one without settings may have no folder
            ignored = shutil.ignore_patterns("*.bin", "*.pt", "*.py", "*.pkl")
            shutil.copytree(source / path, target / path, ignore=ignored, dirs_exist_ok=True)


def write_reranker_modules(target: Path, *, base: Base, tokenizer: PreTrainedTokenizerBase, head: str) -> None:
    """Write the files of sentence-transformers' CrossEncoder for a decoder that scores pairs.

    Args:
        target: Folder with weights and tokenizer.
        base: Its instruction is part of the chat template where the base has none.
        tokenizer: Tokenizer with the ids of yes and no.
        head: generative or classification.
    """
    if not tokenizer.chat_template:
        write_text(target / "chat_template.jinja", reranker_chat_template(base.instruction))
    if head == "generative" and (target / "modules.json").is_file():
        return
    shutil.rmtree(target / "1_LogitScore", ignore_errors=True)
    root = "sentence_transformers"
    modules: list[Json] = [{"idx": 0, "name": "0", "path": "", "type": f"{root}.base.modules.transformer.Transformer"}]
    output = "causal_logits" if head == "generative" else "scores"
    if head == "generative":
        score = f"{root}.cross_encoder.modules.logit_score.LogitScore"
        modules.append({"idx": 1, "name": "1", "path": "1_LogitScore", "type": score})
        ids = {f"{name}_token_id": tokenizer.convert_tokens_to_ids(word) for name, word in _ANSWERS}
        write_json(target / "1_LogitScore" / "config.json", {**ids, "module_input_name": output})
    write_json(target / "modules.json", modules)
    forward: dict[str, Json] = {"method": "forward", "method_output_name": "logits"}
    write_json(
        target / "sentence_bert_config.json",
        {
            "transformer_task": "text-generation" if head == "generative" else "sequence-classification",
            # without the message modality a CrossEncoder would not apply the chat template
            "modality_config": {"text": forward, "message": {**forward, "format": "flat"}},
            "module_output_name": output,
        },
    )
    write_json(target / "config_sentence_transformers.json", {"model_type": "CrossEncoder", "prompts": {}})


_ANSWERS = (("true", "yes"), ("false", "no"))


def reranker_chat_template(instruction: str) -> str:
    """Return Qwen3-Reranker's prompt as a template over messages of roles system, query and document.

    The ends are expressions, since Jinja drops a template's final newline and with it a token.
    """
    of_role = "messages | selectattr('role', 'eq', '{0}') | map(attribute='content') | first"
    parts = [
        json.dumps(f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n<|im_start|>user\n<Instruct>: "),
        f"({of_role.format('system')} | default({json.dumps(instruction, ensure_ascii=False)}, true))",
        json.dumps("\n<Query>: "),
        f"({of_role.format('query')})",
        json.dumps("\n<Document>: "),
        f"({of_role.format('document')})",
        json.dumps("<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ]
    return "{{- " + " ~ ".join(parts) + " -}}"
