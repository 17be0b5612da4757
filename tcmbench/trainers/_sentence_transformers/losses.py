"""The losses of sentence-transformers, each with its factory; to add one, add a function and a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcmbench.trainers import Loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentence_transformers import SentenceTransformer

    from tcmbench.trainers._runtime.job_file import Work

_CACHED_MINI_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceTransformersLoss(Loss):
    """A loss of sentence-transformers."""

    make: Callable[[SentenceTransformer, Work], Any]
    """Returns the loss module, before any Matryoshka dimensions."""

    trains_static: bool = True
    """Whether it can train a static model; others need more of a transformer than its vectors."""


def _cosent(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return losses.CoSENTLoss(model, scale=1.0 / work.variant.training.temperature)


def _cached_ranking(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    training = work.variant.training
    size = min(training.batch_size, _CACHED_MINI_BATCH)
    return losses.CachedMultipleNegativesRankingLoss(model, scale=1.0 / training.temperature, mini_batch_size=size)


def _gist(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    from tcmbench.encoders.runtime.opening import open_model

    # The untuned base is the guide: documents that it scores above the positive are not negatives.
    guide = open_model(work.base_dir, work.base).to(model.device)
    return losses.GISTEmbedLoss(model, guide=guide, temperature=work.variant.training.temperature)


def _ranking(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return losses.MultipleNegativesRankingLoss(model, scale=1.0 / work.variant.training.temperature)


LOSSES = (
    SentenceTransformersLoss("infonce", in_batch="always", matryoshka="optional", make=_ranking),
    SentenceTransformersLoss("mnrl", in_batch="always", matryoshka="optional", make=_ranking),
    SentenceTransformersLoss("cached_mnrl", in_batch="always", trains_static=False, make=_cached_ranking),
    SentenceTransformersLoss("gist", in_batch="always", trains_static=False, make=_gist),
    SentenceTransformersLoss("matryoshka", in_batch="always", matryoshka="always", make=_ranking),
    SentenceTransformersLoss("cosent", scored=True, may_be_zero=True, make=_cosent),
)
