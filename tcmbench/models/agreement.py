"""What a base's file says of a model and what the model's folder says of itself must be the same.

The loader follows the folder where it speaks, so a TOML that says otherwise would describe a model that isn't measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.errors import ModelAbsent, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tcmbench.specs.base import Base

_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
_POOLING_NAMES = {"lasttoken": "last"}
_OFFSET_OF_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert"})
"""Families whose positions begin after the padding index."""


def require_agreement(base: Base, model_dir: Path) -> None:
    """Check a base against its folder.

    Raises:
        SpecError: Pooling, normalisation, padding, kind or length contradict what the folder says; each names both.
        ModelAbsent: A configuration of the folder isn't JSON.
    """
    contradictions = [*_pooling(base, model_dir), *_kind(base, model_dir), *_padding(base, model_dir)]
    contradictions += [*_similarity(model_dir), *_length(base, model_dir)]
    if contradictions:
        raise SpecError(f"base {base.name}: " + "; ".join(contradictions))


def _pooling(base: Base, model_dir: Path) -> Iterator[str]:
    modules = _modules(model_dir)
    if not modules or base.architecture == "static":
        return
    for path in (path for path, kind in modules if kind.endswith("Pooling")):
        config = _read(model_dir / path / "config.json")
        mode = str(config.get("pooling_mode") or "") or "+".join(n for k, n in _POOLING.items() if config.get(k))
        mode = _POOLING_NAMES.get(mode, mode)
        if base.pooling is not None and mode and mode != base.pooling:
            yield (
                f'its file says pooling = "{base.pooling}", {model_dir / path}/config.json says "{mode}". '
                "The folder is what is loaded: correct the file, or remove modules.json from a copy of the folder"
            )
    normalises = any(kind.endswith("Normalize") for _, kind in modules)
    if base.kind == "embedding" and "normalize" in base.model_fields_set and base.normalize != normalises:
        yield (
            f"its file says normalize = {str(base.normalize).lower()}, {model_dir}/modules.json has "
            f"{'a' if normalises else 'no'} Normalize module. Correct the file"
        )


def _kind(base: Base, model_dir: Path) -> Iterator[str]:
    declared = _read(model_dir / "config_sentence_transformers.json").get("model_type")
    listed = _read(model_dir / "config.json").get("architectures")
    architectures = [str(name) for name in listed] if isinstance(listed, list) else []
    pools = any(kind.endswith("Pooling") for _, kind in _modules(model_dir))
    classifies = any(name.endswith("ForSequenceClassification") for name in architectures)
    if base.kind == "embedding" and (declared == "CrossEncoder" or (classifies and not pools)):
        yield f'its file says kind = "embedding", but {model_dir} holds a reranker. Set kind = "reranker"'
    if base.kind == "reranker" and (declared in {"SentenceTransformer", "SparseEncoder"} or pools):
        yield f'its file says kind = "reranker", but {model_dir} holds an embedding model. Set kind = "embedding"'


def _padding(base: Base, model_dir: Path) -> Iterator[str]:
    side = _read(model_dir / "tokenizer_config.json").get("padding_side")
    if side is not None and "padding_side" in base.model_fields_set and side != base.padding_side:
        yield (
            f'its file says padding_side = "{base.padding_side}", {model_dir}/tokenizer_config.json says "{side}". '
            "Correct the file"
        )


def _similarity(model_dir: Path) -> Iterator[str]:
    name = _read(model_dir / "config_sentence_transformers.json").get("similarity_fn_name")
    normalises = any(kind.endswith("Normalize") for _, kind in _modules(model_dir))
    if name not in {None, "cosine"} and not (name == "dot" and normalises):
        yield (
            f'{model_dir}/config_sentence_transformers.json says similarity_fn_name = "{name}", and tcmbench compares '
            "by cosine alone. Add a Normalize module if that is what the model was trained for"
        )


def _length(base: Base, model_dir: Path) -> Iterator[str]:
    config = _read(model_dir / "config.json")
    positions = config.get("max_position_embeddings")
    if base.architecture == "static" or not isinstance(positions, int) or isinstance(positions, bool):
        return
    padding = config.get("pad_token_id")
    if config.get("model_type") in _OFFSET_OF_POSITIONS:
        positions -= 1 + (padding if isinstance(padding, int) else 1)
    if base.max_length > positions:
        yield (
            f"its file says max_length = {base.max_length}, {model_dir}/config.json has {positions} positions. "
            f"Set max_length to {positions} or less"
        )


def _modules(model_dir: Path) -> list[tuple[str, str]]:
    """Return path and type of each module; empty without a modules.json."""
    path = model_dir / "modules.json"
    listed = _json(path) if path.is_file() else []
    if not isinstance(listed, list) or not all(isinstance(module, dict) for module in listed):
        raise ModelAbsent(
            f"{path}: expected a list of modules as sentence-transformers writes it. Copy the file again."
        )
    return [(str(module.get("path", "")), str(module.get("type", ""))) for module in listed]


def _read(path: Path) -> Mapping[str, object]:
    content = _json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise ModelAbsent(f"{path}: expected a JSON object. Copy the file again.")
    return content


def _json(path: Path) -> object:
    try:
        content: object = strict_json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelAbsent(f"{path}: expected JSON, but: {error}. Copy the file again.") from error
    return content
