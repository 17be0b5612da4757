"""Models in mteb's interface, one per file: `load(base, …)` returns an encoder, a reranker or a search model.

Every model has a complete ModelMeta of tcmbench's. mteb keys results by name and revision, and its defaults for a model
loaded from a folder are the same for all folders, so scores of one would be shown for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.models import ModelMeta
    from mteb.models.models_protocols import MTEBModels

    from tcmbench.plugins import PluginOptions
    from tcmbench.specs.base import Ability, Base, ModelKind, Weights

EMBEDS: frozenset[Ability] = frozenset({"documents", "candidates", "texts", "vectors"})
"""Abilities of a model that maps each text to one vector."""

SEARCHES: frozenset[Ability] = frozenset({"documents", "candidates"})
"""Abilities of a model that scores all documents for a query."""

ORDERS: frozenset[Ability] = frozenset({"candidates"})
"""Abilities of a model that scores pairs of query and document."""


class Encoder(Protocol):
    """Interface of a module of this folder."""

    REVISION: str
    """Raised whenever its vectors or scores change; part of every model's revision."""

    ABILITIES: Mapping[ModelKind, frozenset[Ability]]
    """Kind of base → abilities of such a model; bases of other kinds are refused."""

    WEIGHTS: Weights
    """Location of the weights of its models."""

    def load(
        self,
        base: Base,
        *,
        options: PluginOptions,
        model_dir: Path | None,
        meta: ModelMeta,
        seed: int,
        device: str | None,
    ) -> MTEBModels:
        """Return the loaded model, ready for mteb; one with the ability `vectors` is a `TextEncoder`.

        Args:
            base: What the model is, or was tuned from.
            options: Options of the encoder.
            model_dir: Folder of its weights; None unless `WEIGHTS` is "folder".
            meta: Description that mteb keys results by.
            seed: Seed of a model that is random.
            device: torch device of a model whose weights are loaded into this process; None for the default of its
                library. Encoders without weights, behind a server or in a separate process ignore it.
        """
        ...


def model_meta(base: Base, *, name: str, revision: str) -> ModelMeta:
    """Return the complete ModelMeta of a model.

    Args:
        base: What the model is, or was tuned from.
        name: Name on the board; mteb sees `tcmbench/<name>`.
        revision: tcmbench's own hash (see `tcmbench.models`).
    """
    from mteb.models import ModelMeta

    vectors = "dense" if "texts" in base.abilities else "sparse"
    return ModelMeta.model_validate(
        {
            "loader": None,
            "name": f"tcmbench/{name}".replace("/seed", "-seed"),
            "revision": revision,
            "release_date": None,
            "languages": ["zho-Hans"],
            "n_parameters": base.parameters,
            "memory_usage_mb": None,
            "max_tokens": base.max_length,
            "embed_dim": None,
            "license": None,
            "open_weights": True,
            "public_training_code": None,
            "public_training_data": None,
            "framework": ["Sentence Transformers", "PyTorch"] if base.has_weights else [],
            "similarity_fn_name": "cosine",
            "use_instructions": bool(base.query_prompt or base.instruction),
            "training_datasets": None,
            "model_type": ["cross-encoder" if base.abilities == ORDERS else vectors],
        }
    )
