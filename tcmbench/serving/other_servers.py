"""The command that starts another server with a model, so that it answers with evaluation's vectors and scores.

What a folder doesn't say in a way that the other server reads is in the command: pooling, precision, longest input, the
head of a causal reranker and its template. Prompts stay with the client, which is said in a comment.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.specs.base import Base

_ENCODERS = frozenset({"sentence_transformers", "cross_encoder", "vllm"})
_TEI_POOLING = {"cls": "cls", "mean": "mean", "last": "last-token"}


def command(server: str, model: Model) -> str:
    """Return a shell script that starts `vllm` or `tei` with a model.

    Raises:
        SpecError: That server can't run the model as it is evaluated.
    """
    if model.model_dir is None or model.base.encoder not in _ENCODERS or model.base.architecture == "static":
        raise SpecError(
            f"{model.name}: {server} can't run it (encoder {model.base.encoder}, architecture "
            f"{model.base.architecture}). Serve it with tcmbench serve."
        )
    return _SCRIPTS[server](model, model.model_dir)


def _vllm(model: Model, folder: Path) -> str:
    base = model.base
    words = ["vllm", "serve", str(folder), "--runner", "pooling", "--served-model-name", model.name]
    words += ["--dtype", base.dtype, "--max-model-len", str(base.max_length), *_trust(base)]
    template = ""
    if base.kind == "embedding":
        pooling: dict[str, Any] = {"use_activation": base.normalize}
        if base.pooling is not None:
            pooling["pooling_type"] = base.pooling.upper()
        words += ["--convert", "embed", "--pooler-config", json.dumps(pooling)]
    elif (words_of_head := _head(folder)) is not None:
        name = f"{model.name.replace('/', '-')}.jinja"
        template = f"cat > {shlex.quote(name)} <<'TEMPLATE'\n{_template(base, folder)}\nTEMPLATE\n"
        words += ["--hf-overrides", json.dumps(_overrides(model, folder, words_of_head))]
        words += ["--chat-template", name]
    cut = f'# Longer texts are refused, unless requests say "truncate_prompt_tokens": {base.max_length}.\n'
    if base.kind == "reranker":
        cut = (
            "# Don't send truncate_prompt_tokens: it cuts the end of the template. Scores are from 0 to 1; with\n"
            '# "use_activation": false they are logits, as in evaluation.\n'
        )
    return f"{_prompts(base)}{cut}{template}{shlex.join(words)}\n"


def _tei(model: Model, folder: Path) -> str:
    base = model.base
    if _head(folder) is not None:
        raise SpecError(
            f"{model.name}: TEI has no reranker that is a causal language model. Use --print vllm, or tcmbench serve."
        )
    words = ["text-embeddings-router", "--model-id", str(folder), "--served-model-name", model.name, "--auto-truncate"]
    words += ["--dtype", "float16" if base.dtype == "float16" else "float32"]
    notes = "" if base.dtype != "bfloat16" else "# TEI has no bfloat16; float32 has other rounding than evaluation.\n"
    if base.kind == "embedding":
        if base.pooling is not None:
            words += ["--pooling", _TEI_POOLING[base.pooling]]
        if not base.normalize:
            notes += '# Requests to /embed have to say "normalize": false, as in evaluation.\n'
    else:
        notes += '# Scores are from 0 to 1; with "raw_scores": true they are logits, as in evaluation.\n'
    return f"{_prompts(base)}{notes}{shlex.join(words)}\n"


def _trust(base: Base) -> list[str]:
    return ["--trust-remote-code"] if base.trust_remote_code else []


def _prompts(base: Base) -> str:
    """Return the prompts that clients have to put before texts, as comments."""
    prompts = {"query": base.query_prompt, "document": base.document_prompt}
    if base.symmetric_prompt not in {None, base.document_prompt}:
        prompts["text of a task without queries"] = str(base.symmetric_prompt)
    lines = (
        f"# Clients put {json.dumps(prompt, ensure_ascii=False)} before every {kind}.\n"
        for kind, prompt in prompts.items()
        if prompt
    )
    return "".join(lines)


def _head(folder: Path) -> tuple[int, int] | None:
    """Return the token ids of no and yes, whose logits are the score of a causal reranker; None for other models."""
    for module in _json(folder / "modules.json", []):
        if str(module.get("type", "")).rpartition(".")[2] == "LogitScore":
            settings = _json(folder / str(module["path"]) / "config.json", {})
            return int(settings["false_token_id"]), int(settings["true_token_id"])
    return None


def _overrides(model: Model, folder: Path, ids: tuple[int, int]) -> Mapping[str, Any]:
    architectures = _json(folder / "config.json", {}).get("architectures")
    if architectures != ["Qwen3ForCausalLM"]:
        raise SpecError(
            f"{model.name}: expected a Qwen3 as the network of a causal reranker, got {architectures}. Serve it with "
            "tcmbench serve."
        )
    return {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": _tokenizer(folder).convert_ids_to_tokens(list(ids)),
        "is_original_qwen3_reranker": True,
    }


def _template(base: Base, folder: Path) -> str:
    """Return the chat template of a reranker with its base's instruction, which vLLM sends in no message."""
    template = str(_tokenizer(folder).chat_template)
    if not base.instruction:
        return template
    # Jinja reads escapes as JSON has them.
    system = json.dumps({"role": "system", "content": base.instruction}, ensure_ascii=False)
    return f"{{%- set messages = [{system}] + messages -%}}{template}"


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _json(path: Path, default: Any) -> Any:
    return strict_json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default


_SCRIPTS: Mapping[str, Callable[[Model, Path], str]] = {"vllm": _vllm, "tei": _tei}
