"""Refuse models with missing weights: transformers would initialise them with random numbers.

It only prints a warning, so the same files would give a different score in every run.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNUSED = re.compile(r"(^|\.)pooler\.")
"""Weights that may be missing: BERT's pooler over the first token, which only a head over it uses."""

_LEFT_OVER = re.compile(
    r"(^|\.)(pooler|cls\.(predictions|seq_relationship)|lm_head|vocab_(transform|projector|layer_norm)|"
    r"generator_(predictions|lm_head)|discriminator_predictions|mlm_head)\."
    r"|(^|\.)(embeddings\.position_ids|rotary_emb\.inv_freq|attn\.(masked_)?bias)$"
)
"""Weights that are ignored: heads of the pretraining, and buffers of older versions."""

_SHOWN = 3


@contextlib.contextmanager
def strict_weights(model_dir: Path) -> Iterator[None]:
    """Check the weights of every transformers model that is loaded in this context.

    Raises:
        ModelAbsent: Weights are missing, not part of the network, or have another shape.
    """
    from transformers import PreTrainedModel

    # The attribute would be a method bound to this class, and restoring it would load every network as this class.
    original = PreTrainedModel.__dict__["from_pretrained"]
    loaded: list[dict[str, Any]] = []

    def from_pretrained(cls: type[PreTrainedModel], *args: Any, **kwargs: Any) -> Any:
        model, loading = original.__func__(cls, *args, **{**kwargs, "output_loading_info": True})
        loaded.append({**loading, "has_head": cls.__name__.endswith("ForSequenceClassification")})
        return model

    setattr(PreTrainedModel, "from_pretrained", classmethod(from_pretrained))  # noqa: B010 (a method, as mypy sees it)
    try:
        yield
    finally:
        setattr(PreTrainedModel, "from_pretrained", original)  # noqa: B010
    for loading in loaded:
        _check(loading, model_dir)


def _check(loading: dict[str, Any], model_dir: Path) -> None:
    missing = sorted(name for name in loading["missing_keys"] if loading["has_head"] or not _UNUSED.search(name))
    unexpected = sorted(name for name in loading["unexpected_keys"] if not _LEFT_OVER.search(name))
    mismatched = sorted(
        str(entry[0]) if isinstance(entry, tuple) else str(entry) for entry in loading["mismatched_keys"]
    )
    complaints = [
        f"{len(names)} weights {what} ({_some(names)})"
        for names, what in (
            (missing, "of the network are not in the files"),
            (unexpected, "of the files have no place in the network"),
            (mismatched, "have another shape in the files than in the network"),
        )
        if names
    ]
    if complaints:
        raise ModelAbsent(
            f"{model_dir}: {'; '.join(complaints)}. transformers would fill them with random numbers, so nothing is "
            "measured. Often the files have a prefix that a training left (merge the adapter, or strip the prefix), "
            "lack a part, or belong to another kind of model (an embedding model used as a reranker, or "
            "the other way round)."
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
