"""What `[training.keep]` adds to a training by sentence-transformers: a loss term and callbacks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.trainers._runtime import general
from tcmbench.trainers._sentence_transformers import early_stop, keep_loss, start_pull

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback

    from tcmbench.trainers._runtime.job_file import Work


class Keeping(NamedTuple):
    """The loss that is trained with, and the callbacks that go with it."""

    loss: Any
    callbacks: tuple[TrainerCallback, ...]


def texts_read(work: Work, *, batches: int) -> Counter[str]:
    """Return how often each general text was distilled on in the first batches of a training."""
    keep = work.variant.training.keep
    if work.general_texts is None or not keep.distillation:
        return Counter()
    texts = general.read(work.general_texts, work.base, keep)
    return Counter(
        texts.texts[position]
        for batch in range(batches)
        for position in keep_loss.positions(texts.distilled, step=batch, size=keep.texts_per_step, seed=work.seed)
    )


def keeping(model: SentenceTransformer, work: Work, loss: Any) -> Keeping:
    """Return the loss with the terms of the recipe; the given loss alone where the recipe has none.

    Args:
        model: The base, before any checkpoint is loaded.
        work: The training.
        loss: Its loss.

    Raises:
        TrainingError: The general texts don't suit the recipe.
    """
    keep = work.variant.training.keep
    callbacks: list[TrainerCallback] = []
    if keep.l2_sp:
        callbacks.append(start_pull.start_pull(model, strength=keep.l2_sp))
    if work.general_texts is not None and work.general_vectors is not None and keep.reads_texts:
        texts = general.read(work.general_texts, work.base, keep)
        vectors = general.read_vectors(work.general_vectors, count=len(texts.texts))
        if keep.distillation:
            loss = keep_loss.with_distillation(model, work, loss, texts, vectors)
            callbacks.append(keep_loss.synchronised(loss, accumulation=work.variant.training.accumulation))
        if keep.margin_loss is not None:
            callbacks.append(early_stop.early_stop(model, work, texts, vectors, run=work.output / "run"))
    return Keeping(loss, tuple(callbacks))
