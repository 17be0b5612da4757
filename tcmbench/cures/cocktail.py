"""LM-Cocktail: the model of a target with the base and other models, which are weighted by loss on a few examples.

Xiao et al. 2023 (arXiv:2311.13534), equations 1 and 2: with L_i the loss of model i on the examples, over the base and
the tuned models other than the target's, tuned_0, the first of `of`,

    weight_i = softmax(-L_i / temperature),  outcome = alpha * tuned_0 + (1 - alpha) * sum(weight_i * model_i)

The loss of an embedding model is InfoNCE over the examples as one batch, with cosines divided by `loss_temperature`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tcmbench.errors import SpecError
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import torch

    from tcmbench.cures import CureWork
    from tcmbench.cures.weights.combine import TensorPart
    from tcmbench.cures.weights.pairing import PairedTensor
    from tcmbench.records.model import Model
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "3"
READS_DATA = True
LOADS_MODEL = True


class Options(PluginOptions):
    """Shares and examples."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    """Share of the first tuned model, that of the target."""

    temperature: float = Field(default=5.0, gt=0)
    """Temperature of the weights, which are more equal the higher it is; 5 as in the source's code."""

    examples: int = Field(default=32, ge=2, le=10_000)
    """Most examples; a sample by the seed. No two share a label, so that each has one positive."""

    split: Literal["dev", "train"] = "dev"
    """Split of the training data that they are from; of the training split, the tuned model knows them."""

    loss_temperature: float = Field(default=0.05, gt=0)
    """Temperature of InfoNCE."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return no changes.

    Raises:
        SpecError: A model without vectors, such as a reranker.
    """
    if "vectors" not in base.abilities:
        raise SpecError(
            f"cure cocktail: expected an embedding model, got {base.name} of kind {base.kind}. Use merge with weights."
        )
    return {}


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the mean of the models, and return the losses and weights of the others, the base's first."""
    from tcmbench.cures.weights import formulas
    from tcmbench.cures.weights.combine import combine

    queries, documents = _examples(work, options)
    losses = [_loss(model, work, queries, documents, options) for model in (work.base, *work.tuned[1:])]
    weights = shares(losses, options.temperature)

    def combination(_: PairedTensor) -> Callable[[TensorPart], torch.Tensor]:
        def values(part: TensorPart) -> torch.Tensor:
            others = formulas.mean((part.base, *part.tuned[1:]), weights)
            return formulas.interpolated(others, part.tuned[0], options.alpha)

        return values

    combine(work, out, combination)
    return {
        "examples": len(queries),
        "losses": " ".join(f"{loss:.3f}" for loss in losses),
        "weights": " ".join(f"{weight:.3f}" for weight in weights),
    }


def shares(losses: Sequence[float], temperature: float) -> tuple[float, ...]:
    """Return softmax(-loss / temperature)."""
    import numpy as np

    scaled = -np.asarray(losses, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    return tuple(float(share) for share in powers / powers.sum())


def _examples(work: CureWork, options: Options) -> tuple[list[str], list[str]]:
    """Return queries with a document each, no two of one label.

    Raises:
        SpecError: No such split, or fewer than two labels in it.
    """
    import numpy as np

    folder = work.data.read() if work.data else None
    records = folder.splits.get(options.split, ()) if folder else ()
    documents = {syndrome.doc_id: syndrome.document() for syndrome in folder.knowledge} if folder else {}
    chosen: dict[str, str] = {}
    used: set[str] = set()
    for place in np.random.default_rng(work.seed).permutation(len(records)):
        record = records[int(place)]
        if len(chosen) < options.examples and used.isdisjoint(record.labels):
            chosen[record.labels[0]] = record.query()
            used.update(record.labels)
    if len(chosen) < 2:
        raise SpecError(
            f"{work.name}: expected a split {options.split!r} with at least two labels in the training data, got "
            f'{len(records)} records. Set split = "train", or use merge, which reads no data.'
        )
    return list(chosen.values()), [documents[label] for label in chosen]


def _loss(model: Model, work: CureWork, queries: Sequence[str], documents: Sequence[str], options: Options) -> float:
    """Return the mean InfoNCE of the examples as one batch."""
    import numpy as np

    from tcmbench import models
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder

    encoder = models.load(model, cache=work.cache, device=work.device)
    if not isinstance(encoder, CachedEncoder):
        raise TypeError(f"expected {CachedEncoder}, got {type(encoder)}")
    prompts = (model.base.query_prompt, model.base.document_prompt)
    texts = ([prompts[0] + text for text in queries], [prompts[1] + text for text in documents])
    left, right = (np.asarray(encoder.encode_list(each), dtype=np.float64) for each in texts)
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    scores = left @ right.T / options.loss_temperature
    top = scores.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
    return float((log_sums - np.diagonal(scores)).mean())
