"""The arguments of vLLM that follow from a base and its folder; what vLLM would compute in another way is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.specs.base import Base

_POOLING = {"last": "LAST", "cls": "CLS", "mean": "MEAN"}
_KNOWN = {"embedding": {"Transformer", "Pooling", "Normalize"}, "reranker": {"Transformer", "LogitScore"}}
_CAUSAL, _HEAD = "ForCausalLM", "ForSequenceClassification"


def model_arguments(base: Base, model: Any, *, model_dir: Path, engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `vllm.LLM` for a model.

    Args:
        base: What the model is.
        model: It as sentence-transformers opens it, without weights: a SentenceTransformer or a CrossEncoder.
        model_dir: Folder of its weights.
        engine: Arguments of the user.

    Raises:
        SpecError: The model has a part, a pooling or a head that vLLM would leave out or compute in another way.
    """
    unknown = sorted({type(module).__name__ for module in model} - _KNOWN[base.kind])
    if cut := getattr(model, "truncate_dim", None):
        unknown.append(f"a cut to {cut} dimensions")
    if unknown:
        raise _refusal(base, f"{model_dir} has parts that vLLM doesn't run as they are ({', '.join(unknown)})")
    common = {
        "model": str(model_dir),
        "runner": "pooling",
        "dtype": base.dtype,
        "max_model_len": base.max_length,
        "seed": 0,
        "trust_remote_code": base.trust_remote_code,
    }
    if base.kind == "reranker":
        overrides = _head(base, model, model_dir=model_dir)
        return {**common, "hf_overrides": {**engine.get("hf_overrides", {}), **overrides}} if overrides else common
    if base.pooling not in _POOLING:
        raise _refusal(base, f"expected pooling last, cls or mean, got {base.pooling}")
    return {**common, "convert": "embed", "pooler_config": {"seq_pooling_type": _POOLING[base.pooling]}}


def _head(base: Base, model: Any, *, model_dir: Path) -> dict[str, Any]:
    """Return the overrides of config.json that give a reranker its head: none for a head of one label."""
    config = model[0].config
    (architecture, *_) = config.architectures or ("none",)
    scores = [module for module in model if type(module).__name__ == "LogitScore"]
    if not scores:
        if not architecture.endswith(_HEAD) or config.num_labels != 1:
            raise _refusal(
                base,
                f"expected a network with a head of one label in {model_dir}, got {architecture} with "
                f"{config.num_labels}",
            )
        return {}
    if not architecture.endswith(_CAUSAL):
        raise _refusal(base, f"expected a causal language model in {model_dir}, got {architecture}")
    score = scores[0]
    tokens = [score.true_token_id] if score.false_token_id is None else [score.false_token_id, score.true_token_id]
    return {
        "architectures": [architecture.removesuffix(_CAUSAL) + _HEAD],
        "classifier_from_token": model.tokenizer.convert_ids_to_tokens(tokens),
        "method": "no_post_processing" if score.false_token_id is None else "from_2_way_softmax",
    }


def _refusal(base: Base, why: str) -> SpecError:
    local = "cross_encoder" if base.kind == "reranker" else "sentence_transformers"
    return SpecError(f"base {base.name}: {why}. Use encoder = {local!r}.")
