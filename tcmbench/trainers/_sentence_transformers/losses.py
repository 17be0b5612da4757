"""The losses of sentence-transformers, each with its factory; to add one, add a function and a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcmbench.trainers import Loss
from tcmbench.trainers._sentence_transformers.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentence_transformers import SentenceTransformer

    from tcmbench.trainers._runtime.job_file import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceTransformersLoss(Loss):
    """A loss of sentence-transformers."""

    make: Callable[[SentenceTransformer, Work], Any]
    """Returns the loss module, before any Matryoshka dimensions."""

    trains_static: bool = True
    """Whether it can train a static model; others need more of a transformer than its vectors."""

    in_parts_of: tuple[str, ...] = ()
    """Options that set the size of the parts in which it encodes a batch."""


def _cosent(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return losses.CoSENTLoss(model, scale=1.0 / work.variant.training.temperature)


def _weighted_mse(model: SentenceTransformer, work: Work) -> Any:
    del work
    from tcmbench.trainers._sentence_transformers.targets import WeightedMSE

    return WeightedMSE(model)


def _margin_mse(model: SentenceTransformer, work: Work) -> Any:
    from tcmbench.trainers._sentence_transformers.targets import MarginMSE

    options = Options.model_validate(work.variant.training.options)
    return MarginMSE(model, teacher_temperature=options.teacher_temperature)


def _distill_kl(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.util import pairwise_cos_sim

    def logits(queries: Any, documents: Any) -> Any:
        return pairwise_cos_sim(queries, documents) / work.variant.training.temperature

    # The student's temperature is in the logits: sentence-transformers would multiply the loss by its square.
    options = Options.model_validate(work.variant.training.options)
    return losses.DistillKLDivLoss(
        model, similarity_fct=logits, student_temperature=1.0, teacher_temperature=options.teacher_temperature
    )


def _cached_ranking(model: SentenceTransformer, work: Work) -> Any:
    from tcmbench.trainers._sentence_transformers.info_nce import CachedInfoNCE

    return CachedInfoNCE(model, work.variant.training, **_mini_batches(work))


def _cached_gist(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return losses.CachedGISTEmbedLoss(
        model, guide=_guide(model, work), temperature=work.variant.training.temperature, **_mini_batches(work)
    )


def _mini_batches(work: Work) -> dict[str, Any]:
    """Return how many texts a cached loss encodes at a time."""
    options = Options.model_validate(work.variant.training.options)
    return {
        "mini_batch_size": min(work.variant.training.batch_size, options.mini_batch_size),
        "mini_batch_num_tokens": options.mini_batch_tokens,
    }


def _gist(model: SentenceTransformer, work: Work) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return losses.GISTEmbedLoss(model, guide=_guide(model, work), temperature=work.variant.training.temperature)


def _guide(model: SentenceTransformer, work: Work) -> SentenceTransformer:
    """Return the untuned base: documents that it scores above the positive are not negatives."""
    from tcmbench.encoders.runtime.opening import open_model

    return open_model(work.base_dir, work.base).to(model.device)


def _ranking(model: SentenceTransformer, work: Work) -> Any:
    tokens = Options.model_validate(work.variant.training.options).mini_batch_tokens
    if tokens is not None:
        from tcmbench.trainers._sentence_transformers.parts import InfoNCEInParts

        return InfoNCEInParts(model, work.variant.training, tokens=tokens)
    from tcmbench.trainers._sentence_transformers.info_nce import InfoNCE

    return InfoNCE(model, work.variant.training)


_BY_TOKENS = ("mini_batch_tokens",)
_CACHED = ("mini_batch_size", "mini_batch_tokens")


LOSSES = (
    SentenceTransformersLoss(
        "infonce", in_batch="always", matryoshka="optional", contrasts=True, tempered=True, in_parts_of=_BY_TOKENS,
        make=_ranking,
    ),
    SentenceTransformersLoss(
        "mnrl", in_batch="always", matryoshka="optional", contrasts=True, tempered=True, in_parts_of=_BY_TOKENS,
        make=_ranking,
    ),
    SentenceTransformersLoss(
        "cached_mnrl", in_batch="always", matryoshka="optional", contrasts=True, tempered=True, trains_static=False,
        in_parts_of=_CACHED, make=_cached_ranking,
    ),
    SentenceTransformersLoss(
        "gist", in_batch="always", matryoshka="optional", tempered=True, trains_static=False, most_negatives=1,
        make=_gist,
    ),
    SentenceTransformersLoss(
        "cached_gist", in_batch="always", matryoshka="optional", tempered=True, trains_static=False, most_negatives=1,
        in_parts_of=_CACHED, make=_cached_gist,
    ),
    SentenceTransformersLoss(
        "matryoshka", in_batch="always", matryoshka="always", contrasts=True, tempered=True, make=_ranking
    ),
    SentenceTransformersLoss(
        "cosent", scored=True, matryoshka="optional", may_be_zero=True, tempered=True, make=_cosent
    ),
    SentenceTransformersLoss(
        "weighted_mse", scored=True, matryoshka="optional", weighted=True, score_range=(-1.0, 1.0),
        make=_weighted_mse,
    ),
    SentenceTransformersLoss("margin_mse", taught=True, matryoshka="optional", make=_margin_mse),
    SentenceTransformersLoss("distill_kl", taught=True, matryoshka="optional", tempered=True, make=_distill_kl),
)  # fmt: skip
