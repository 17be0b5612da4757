"""A model behind a URL as a base without a file: its name by the server, its revision by what it answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tcmbench import redaction
from tcmbench.encoders import endpoint, model_meta
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.plugins import use
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse

if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES = {"tries": 2, "timeout": 30.0}
"""An address that was mistyped should be noticed soon."""


def base_of(url: str, *, name_of: Callable[[str], str]) -> Base:
    """Return the base of an embedding model behind a URL.

    Nobody can see the weights there, so the revision is the hash of the vectors of a few texts, to the bit: another
    model at the same address never gets the scores of this one. A server that rounds differently at each start is
    measured again; a base's file with a revision of its own avoids that.

    Args:
        url: Address up to `/embeddings`, as in OpenAI's API; `#model` names one of several models.
        name_of: Model's name on the server → name of the base.

    Raises:
        ModelAbsent: The server can't be reached, or serves no model.
        SpecError: Not an address, or several models and none is named.
        EvaluationError: It answers with something else.
    """
    address, _, model = url.partition("#")
    model = model or _only_model(address)
    options = {"url": address, "model": model, "revision": "asked"}
    probe = _base(model, options | _TRIES, name=name_of(model), url=address)
    return _base(model, options | {"revision": _revision(probe)}, name=probe.name, url=address)


def _base(model: str, options: dict[str, Any], *, name: str, url: str) -> Base:
    fields = {
        "name": name,
        "kind": "embedding",
        "encoder": "endpoint",
        "options": options,
        "description": f"{model} at {redaction.address(url)}.",
    }
    return parse(Base, fields, where=redaction.address(url))


def _only_model(url: str) -> str:
    """Return the name of the only model of a server."""
    asked = _options({"url": url, "model": "unknown", "revision": "asked", **_TRIES})
    answer = endpoint.server_of(asked).get("/models")
    rows = answer.get("data") if isinstance(answer, dict) else None
    listed = [str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id")] if rows else []
    if not listed:
        raise ModelAbsent(f"{redaction.address(url)}/models: the server lists no model. Name it: URL#MODEL.")
    if len(listed) > 1:
        raise SpecError(f"{redaction.address(url)}: several models: {', '.join(listed)}. Name one: URL#MODEL.")
    return listed[0]


def _revision(base: Base) -> str:
    options = _options(base.options)
    meta = model_meta(base, name=base.name, revision="asked")
    loaded = endpoint.load(base, options=options, model_dir=None, meta=meta, seed=0, device=None)
    if not isinstance(loaded, endpoint.Endpoint):
        raise TypeError(f"expected {endpoint.Endpoint}, got {type(loaded)}")
    vectors = loaded.encode_texts(list(endpoint.CANARIES))
    return f"vectors-{hashlib.sha256(vectors.tobytes()).hexdigest()[:32]}"


def _options(given: dict[str, Any]) -> endpoint.Options:
    """Return the options of the endpoint.

    Raises:
        SpecError: The URL is no address; it isn't repeated, since it may hold a password.
    """
    options = use("encoders", "endpoint", given, where="the URL of a server").options
    if not isinstance(options, endpoint.Options):
        raise TypeError(f"expected {endpoint.Options}, got {type(options)}")
    return options
