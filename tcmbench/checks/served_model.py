"""What a server serves, as a model to be measured: with the prompts of the model that it should be, and nothing stored.

Texts are sent as a client sends them: whole, since cutting them is the server's part.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench import redaction
from tcmbench.encoders import endpoint, model_meta
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.encoders.runtime.cached_reranker import CachedReranker
from tcmbench.encoders.runtime.canaries import Values, Watch
from tcmbench.encoders.runtime.served import Endpoint, EndpointReranker
from tcmbench.encoders.runtime.soundness import guard
from tcmbench.errors import EvaluationError, SpecError
from tcmbench.models import servers
from tcmbench.models.revisions import encoder_of
from tcmbench.records.model import Model
from tcmbench.specs.base import Base
from tcmbench.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.workspace import Workspace

NAME = "served"
"""Name of the model in scores, which are removed with its store."""

_LOGITS: tuple[dict[str, bool], ...] = ({"use_activation": False, "raw_scores": True}, {"use_activation": False}, {})
"""Fields that have vLLM and infinity return logits, where a server takes them: probabilities near 0 and 1 are rounded
into ties."""


class ServerPlace(NamedTuple):
    """How a server is asked."""

    url: str
    """Its address, with what is secret in it."""

    options: dict[str, Any]
    """Options of its endpoint, the name of the model included."""

    is_declared: bool
    """Whether a base's file says so, dialect and fields of requests included."""

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return redaction.address(self.url)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A served model, opened."""

    model: Model
    """As it is measured."""

    loaded: MTEBModels
    """In mteb's interface."""

    canaries: Values
    """What it gave for the canaries."""


def where(workspace: Workspace, served: str, *, api_key_env: str = "") -> ServerPlace:
    """Return how the server is asked that a user names.

    Args:
        workspace: Where bases are.
        served: Its URL (`#model` names one of several models), or a base with `encoder = "endpoint"`.
        api_key_env: Environment variable with the key of a URL.

    Raises:
        SpecError: An address without http, a base with weights of its own, or the key of a base.
        ModelAbsent: The server can't be reached, or names no model.
    """
    if "://" in served:
        said = servers.stated(served, api_key_env=api_key_env)
        address = served.partition("#")[0]
        return ServerPlace(
            address, {"url": address, "model": said.model, "api_key_env": api_key_env}, is_declared=False
        )
    if ":" in served:
        raise SpecError(f"{served}: expected the URL of a server, which begins with http:// or https://, or a base.")
    base = workspace.spec(Base, served)
    options = encoder_of(base).options
    if not isinstance(options, endpoint.Options):
        raise SpecError(f'{served}: expected the URL of a server, or a base with encoder = "endpoint".')
    if api_key_env:
        raise SpecError(f"{served}: its file names the variable of the key (api_key_env). Leave --api-key-env out.")
    chosen = {name: value for name, value in base.options.items() if name not in {"tokenizer", "same_as"}}
    return ServerPlace(options.url, chosen, is_declared=True)


def opened(place: ServerPlace, model: Model, *, cache: Path) -> ServedModel:
    """Return what a server serves, asked as the given model is used.

    Args:
        place: The server.
        model: What it should serve.
        cache: A store that is removed afterwards: everything is asked for anew.

    Raises:
        SpecError: A model that no such server can serve.
        ModelAbsent: The server can't be reached.
        EvaluationError: It answers with something else.
    """
    kind = _kind(model)
    refused: EvaluationError | None = None
    for given, instruction in _ways(place, model.base, kind):
        served = _model(model, kind, {**place.options, **given}, instruction=instruction)
        try:
            return _opened(served, cache=cache)
        except EvaluationError as error:
            refused = refused or error
    raise refused or EvaluationError(f"{place.shown}: no way to ask it")


def _kind(model: Model) -> str:
    if "vectors" in model.base.abilities:
        return "embedding"
    if model.base.kind == "reranker":
        return "reranker"
    raise SpecError(
        f"{model.name}: expected an embedding model or a reranker, which a server answers for; it searches with more "
        "than vectors."
    )


def _ways(place: ServerPlace, base: Base, kind: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what to try: options, and the instruction that is sent.

    Rerankers are asked in both dialects, for logits and with the instruction where the server takes these fields. Many
    servers have the instruction in their template and refuse the field.
    """
    if kind == "embedding" or place.is_declared:
        yield {}, "" if place.options.get("dialect") == "texts" else base.instruction
        return
    for instruction in dict.fromkeys([base.instruction, ""]):
        for body in _LOGITS:
            yield {"body": body}, instruction
    yield {"dialect": "texts", "body": {"raw_scores": True}}, ""
    yield {"dialect": "texts"}, ""


def _model(model: Model, kind: str, options: dict[str, Any], *, instruction: str) -> Model:
    base = model.base
    fields = {
        "name": NAME,
        "kind": kind,
        "encoder": "endpoint",
        # never that of an earlier call, so that nothing of it is found
        "options": {**options, "revision": secrets.token_hex(8)},
        "max_length": servers.UNLIMITED,
        "normalize": base.normalize,
        "query_prompt": base.query_prompt,
        "document_prompt": base.document_prompt,
        "symmetric_prompt": base.symmetric_prompt,
        "instruction": instruction,
    }
    served = Base.model_validate(fields)
    return Model(NAME, served, None, str(served.options["revision"]))


def _opened(model: Model, *, cache: Path) -> ServedModel:
    meta = model_meta(model.base, name=NAME, revision=model.revision)
    options = encoder_of(model.base).options
    loaded = endpoint.load(model.base, options=options, model_dir=None, meta=meta, seed=0, device=None)
    are_scores = isinstance(loaded, EndpointReranker)
    watch = Watch(loaded.canaries, name=NAME, revision=model.revision, store=Store(cache), are_scores=are_scores)
    loaded.watch = watch
    watch.begin()
    ready: Any
    if isinstance(loaded, Endpoint):
        ready = CachedEncoder(loaded, cache_dir=cache / "embeddings")
    else:
        ready = guard(CachedReranker(loaded, cache_dir=cache / "embeddings"), name=NAME)
    return ServedModel(model, ready, watch.values or {})
