"""Agreement of a base's file with the folder of its weights, which also supplies missing fields.

The loader uses the settings in the folder, so a file with different ones would describe a model that isn't measured.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.models import folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tcmbench.models.folder import Statement
    from tcmbench.specs.base import Base

_PROMPTS = frozenset({"query_prompt", "document_prompt", "symmetric_prompt"})
_ENCODERS = frozenset({"bert", "xlm-roberta"})
"""Architectures of which a reranker is the encoder of an embedding model with a head of one label."""

_OF_TEXTS = frozenset({"max_length", "padding_side"})
"""Settings of an embedding model that a reranker with its encoder has too."""


def settled(base: Base, model_dir: Path) -> Base:
    """Return the base with missing fields of its file filled in from the folder of its weights.

    Raises:
        SpecError: The file contradicts the folder; the message names both, for each contradiction. Or the folder names
            code that the base doesn't allow to run.
        ModelAbsent: A configuration of the folder isn't JSON.
    """
    facts = _of_kind(base, folder.facts(model_dir), model_dir)
    if _has_no_head(base, facts):
        facts = {field: fact for field, fact in facts.items() if field in _OF_TEXTS}
        contradictions = [*_contradictions(base, facts), *_length(base, model_dir)]
    else:
        contradictions = [
            *_contradictions(base, facts),
            *_similarity(model_dir, facts),
            *_pooled_prompts(base, facts, model_dir),
            *_length(base, model_dir),
        ]
    contradictions += [*_routes(model_dir), *_code(base, model_dir)]
    if contradictions:
        raise SpecError(f"base {base.name}: " + "; ".join(contradictions))
    fields = _open_fields(base, facts)
    length = None if "max_length" in base.model_fields_set | facts.keys() else folder.default_length(model_dir)
    return base.model_copy(update=fields if length is None else {**fields, "max_length": length})


def require_head(base: Base, model_dir: Path) -> None:
    """Check that a reranker isn't the encoder of an embedding model, which gets its head by a training.

    Raises:
        ModelAbsent: It is.
    """
    if base.kind == "reranker" and _has_no_head(base, folder.facts(model_dir)):
        raise ModelAbsent(
            f"base {base.name}: {model_dir} is an embedding model, whose encoder has no head that scores pairs, so "
            'it can be tuned but not measured. Tune a variant of it with task = "reranker", head = "classification".'
        )


def _has_no_head(base: Base, facts: Mapping[str, Statement]) -> bool:
    """Return whether a base declares as a reranker what its folder says is an embedding model with such an encoder."""
    kind = facts.get("kind")
    return base.kind == "reranker" and base.architecture in _ENCODERS and kind is not None and kind.value == "embedding"


def _of_kind(base: Base, facts: Mapping[str, Statement], model_dir: Path) -> Mapping[str, Statement]:
    """Return the settings for a base's kind: of a reranker whose folder doesn't say that it is one, no prompts."""
    if base.kind != "reranker" or "kind" in facts:
        return facts
    own = folder.instruction(model_dir)
    kept = {field: fact for field, fact in facts.items() if field not in _PROMPTS}
    return kept if own is None else {**kept, "instruction": own}


def _contradictions(base: Base, facts: Mapping[str, Statement]) -> Iterator[str]:
    for field, fact in facts.items():
        if field not in base.model_fields_set or not _disagree(base, field, fact.value):
            continue
        ours = json.dumps(getattr(base, field), ensure_ascii=False)
        theirs = json.dumps(fact.value, ensure_ascii=False)
        advice = "The folder is loaded: correct the file."
        if field in _PROMPTS:
            advice = "Remove it from the file, or set own_prompts = true there to measure with the file's prompts."
        yield f"its file has {field} = {ours}, {fact.source} has {theirs}. {advice}"


def _disagree(base: Base, field: str, value: object) -> bool:
    if (field in _PROMPTS and base.own_prompts) or field == "instruction":  # one for another task is usual
        return False
    ours = getattr(base, field)
    if field == "max_length":  # a shorter length is valid, and shown on the board
        return isinstance(value, int) and ours > value
    if base.architecture == "static" and field == "pooling":
        return False
    return bool(ours is not None and ours != value)


def _open_fields(base: Base, facts: Mapping[str, Statement]) -> dict[str, object]:
    fields: dict[str, object] = {f: fact.value for f, fact in facts.items() if f not in base.model_fields_set}
    if base.own_prompts:
        fields = {field: value for field, value in fields.items() if field not in _PROMPTS}
    return fields


def _similarity(model_dir: Path, facts: Mapping[str, Statement]) -> Iterator[str]:
    said = folder.similarity(model_dir)
    normalises = "normalize" in facts and facts["normalize"].value is True
    if said is not None and said.value != "cosine" and not (said.value == "dot" and normalises):
        yield (
            f'{said.source} has similarity_fn_name = "{said.value}", but tcmbench supports only cosine. '
            "Add a Normalize module if the model was trained for that"
        )


def _pooled_prompts(base: Base, facts: Mapping[str, Statement], model_dir: Path) -> Iterator[str]:
    said = folder.pools_prompts(model_dir)
    if said is None or said.value is not False:
        return
    of_folder = {field for field in _PROMPTS & facts.keys() if not base.own_prompts and facts[field].value}
    prompts = sorted(of_folder | {field for field in _PROMPTS if getattr(base, field)})
    if prompts:
        yield (
            f"{said.source} has include_prompt = false, but tcmbench pools over the tokens of a prompt, and the base "
            f"has {', '.join(prompts)}. Such models can't be measured with prompts: remove them, with own_prompts = "
            "true, to measure it without"
        )


def _length(base: Base, model_dir: Path) -> Iterator[str]:
    limit = folder.positions(model_dir)
    if "max_length" not in base.model_fields_set or base.architecture == "static":
        return
    if limit is None or not isinstance(limit.value, int):
        return
    if base.max_length > limit.value:
        yield (
            f"its file has max_length = {base.max_length}, {limit.source} has {limit.value} positions. "
            f"Set max_length to {limit.value} or less"
        )


def _routes(model_dir: Path) -> Iterator[str]:
    routing = sorted(kind for _, kind in folder.module_types(model_dir) if kind.endswith(folder.ROUTING))
    if routing:
        yield f"{model_dir}/modules.json has {', '.join(routing)}. {folder.NO_ROUTES}"


def _code(base: Base, model_dir: Path) -> Iterator[str]:
    foreign = {kind for _, kind in folder.module_types(model_dir) if not kind.startswith("sentence_transformers.")}
    if foreign and not base.trust_remote_code:
        yield (
            f"{model_dir}/modules.json names code that isn't part of sentence-transformers "
            f"({', '.join(sorted(foreign))}). Read that code, then set trust_remote_code = true in the base, or use "
            "another base"
        )
