"""A model behind a URL as a base without a file: its name by the server, its revision by what it answers."""

from __future__ import annotations

import hashlib
import urllib.parse
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench import redaction
from tcmbench.encoders import endpoint, model_meta
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.plugins import use
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.encoders._http import Server

_PROBE = {"patience": 30.0, "timeout": 30.0}
"""An address that was mistyped should be noticed soon."""

UNLIMITED = 10_000_000
"""`max_length` of a model whose server doesn't state how many tokens it reads."""


_LEAST_LENGTH = 8


class Stated(NamedTuple):
    """What a server says about its model."""

    model: str
    """Its name."""

    max_length: int
    """Tokens that it reads; `UNLIMITED` where that isn't stated."""


def base_of(url: str, *, name_of: Callable[[str], str]) -> Base:
    """Return the base of an embedding model behind a URL.

    Nobody can see the weights there, so the revision is the hash of the vectors of a few texts, to the bit: another
    model at the same address never gets the scores of this one. A server that rounds differently at each start is
    measured again; a base's file with a revision of its own avoids that. Texts are cut where the server cuts them.

    Args:
        url: Address up to `/embeddings`, as in OpenAI's API; `#model` names one of several models.
        name_of: Model's name on the server → name of the base.

    Raises:
        ModelAbsent: The server can't be reached, or serves no model.
        SpecError: Not an address, or several models and none is named.
        EvaluationError: It answers with something else.
    """
    said = stated(url)
    address = url.partition("#")[0]
    options = {"url": address, "model": said.model, "revision": "asked"}
    fields = {
        "name": name_of(said.model),
        "kind": "embedding",
        "encoder": "endpoint",
        "max_length": said.max_length,
        "description": f"{said.model} at {redaction.address(address)}.",
    }
    probe = parse(Base, {**fields, "options": options | _PROBE}, where=redaction.address(address))
    revised = options | {"revision": _revision(probe)}
    return parse(Base, {**fields, "options": revised}, where=redaction.address(address))


def stated(url: str, *, api_key_env: str = "") -> Stated:
    """Return what a server says about its only model, or the one that is named: by `/models`, or by `/info` of TEI.

    Args:
        url: Address; `#model` names one of several models.
        api_key_env: Environment variable with the key; empty sends none.

    Raises:
        ModelAbsent: The server can't be reached, or names no model.
        SpecError: Not an address, or several models and none is named.
        EvaluationError: It answers with something else.
    """
    address, _, named = url.partition("#")
    asked = {"url": address, "model": "unknown", "revision": "asked", "api_key_env": api_key_env, **_PROBE}
    options = _options(asked)
    server = endpoint.server_of(options, key=endpoint.key_of(options, where=redaction.address(address)))
    rows = _listed(server)
    if not named and len(rows) > 1:
        raise SpecError(
            f"{redaction.address(url)}: several models: {', '.join(row['id'] for row in rows)}. Name one: URL#MODEL."
        )
    row = next((row for row in rows if named in ("", row["id"])), {})
    info = _info(server) if not row.get("max_model_len") else {}
    model = named or row.get("id") or info.get("model_id")
    if not model:
        raise ModelAbsent(f"{redaction.address(url)}/models: the server lists no model. Name it: URL#MODEL.")
    length = row.get("max_model_len") or info.get("max_input_length")
    return Stated(str(model), length if type(length) is int and length >= _LEAST_LENGTH else UNLIMITED)


def _listed(server: Server) -> list[dict[str, Any]]:
    """Return the models that a server lists; none where it has no such list."""
    try:
        answer = server.get("/models")
    except EvaluationError:
        return []
    rows = answer.get("data") if isinstance(answer, dict) else None
    listed = rows if isinstance(rows, list) else []
    return [{**row, "id": str(row["id"])} for row in listed if isinstance(row, dict) and row.get("id")]


def _info(server: Server) -> dict[str, Any]:
    """Return what TEI's `/info` says, which stands beside `/v1`; empty where there is none."""
    parts = urllib.parse.urlsplit(server.url)
    above = urllib.parse.urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")))
    try:
        answer = replace(server, url=above).get("/info")
    except EvaluationError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _revision(base: Base) -> str:
    from tcmbench.encoders.runtime.canaries import require_sound
    from tcmbench.encoders.runtime.drift import EMPTY
    from tcmbench.encoders.runtime.served import Endpoint

    options = _options(base.options)
    meta = model_meta(base, name=base.name, revision="asked")
    loaded = endpoint.load(base, options=options, model_dir=None, meta=meta, seed=0, device=None)
    if not isinstance(loaded, Endpoint):
        raise TypeError(f"expected {Endpoint}, got {type(loaded)}")
    values = loaded.canaries()
    require_sound(values, name=base.name, are_scores=False)
    whole = b"".join(values[label].tobytes() for label in sorted(values) if label != EMPTY)
    return f"vectors-{hashlib.sha256(whole).hexdigest()[:32]}"


def _options(given: dict[str, Any]) -> endpoint.Options:
    """Return the options of the endpoint.

    Raises:
        SpecError: The URL is no address; it isn't repeated, since it may hold a password.
    """
    options = use("encoders", "endpoint", given, where="the URL of a server").options
    if not isinstance(options, endpoint.Options):
        raise TypeError(f"expected {endpoint.Options}, got {type(options)}")
    return options
