"""`GET /info`: what is served, in TEI's fields and tcmbench's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.serving.engines import VectorEngine
from tcmbench.serving.input_types import InputType
from tcmbench.version import __version__

if TYPE_CHECKING:
    from tcmbench.serving.service import Service
    from tcmbench.store import Json


def info(service: Service) -> Json:
    """Return model, revision, base, set and verdict of the gate, and how texts are treated."""
    served, base, engine = service.served, service.served.model.base, service.engine
    is_embedding = isinstance(engine, VectorEngine)
    return {
        "model_id": service.name,
        "model_sha": served.model.revision,
        "model_dtype": engine.dtype,
        "model_type": {"embedding": {"pooling": base.pooling}} if is_embedding else {"reranker": {}},
        "max_input_length": base.max_length,
        "max_batch_tokens": service.batching.tokens,
        "max_client_batch_size": service.limits.texts,
        "auto_truncate": True,
        "version": f"tcmbench {__version__}",
        "kind": service.kind,
        "dimensions": engine.dimensions if isinstance(engine, VectorEngine) else None,
        "normalize": base.normalize if is_embedding else None,
        "prompts": {
            kind.value: engine.prompt(kind) for kind in InputType if kind is not InputType.NONE
        } if isinstance(engine, VectorEngine) else None,
        "instruction": None if is_embedding else base.instruction,
        "default_input_type": service.input_type.value if is_embedding else None,
        "name": served.model.name,
        "revision": served.model.revision,
        "base": base.name,
        "tuned_from": base.name if served.row else base.tuned_from,
        "seed": served.model.seed if served.row else None,
        "variant": served.row or None,
        "set": served.set_name or None,
        "gate": served.gate,
    }  # fmt: skip
