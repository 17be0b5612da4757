"""Distillation to the base's own vectors: a term that is added to the loss of each batch (docs/cures.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback

    from tcmbench.trainers._runtime.general import PromptedTexts
    from tcmbench.trainers._runtime.job_file import Work


def cosine_distance(vectors: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """Return the mean of 1 − cos(v_i, b_i) over texts i.

    Args:
        vectors: Of the model in training [texts, dimensions].
        base: The base's, of length 1 [texts, dimensions].
    """
    from torch.nn.functional import normalize

    return 1 - (normalize(vectors.float(), dim=1) * base).sum(dim=1).mean()


def relational_distance(vectors: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """Return the mean of (cos(v_i, v_j) − cos(b_i, b_j))² over ordered pairs of different texts i and j.

    Relational knowledge distillation (Park et al. 2019) with the cosine similarity as relation.

    Args:
        vectors: Of the model in training [texts, dimensions].
        base: The base's, of length 1 [texts, dimensions].
    """
    from torch.nn.functional import normalize

    unit = normalize(vectors.float(), dim=1)
    difference = unit @ unit.T - base @ base.T
    count = len(base)
    # the diagonal is 0 except for rounding
    off_diagonal = difference.square().sum() - difference.diagonal().square().sum()
    return off_diagonal / (count * (count - 1))


def positions(texts: Sequence[int], *, step: int, size: int, seed: int) -> NDArray[np.int64]:
    """Return the texts of a batch: the next `size` of a seeded permutation, drawn anew for each pass.

    It depends on the number of the batch alone, so a resumed training continues with the same texts.

    Args:
        texts: Positions to draw from, at least `size`.
        step: Number of the batch, from 0.
        size: Texts per batch.
        seed: Seed of the training.
    """
    import numpy as np

    per_pass = len(texts) // size
    drawn = np.random.default_rng([seed, step // per_pass]).permutation(np.asarray(texts, dtype=np.int64))
    start = (step % per_pass) * size
    chosen: NDArray[np.int64] = drawn[start : start + size]
    return chosen


def with_distillation(
    model: SentenceTransformer, work: Work, loss: Any, general: PromptedTexts, vectors: NDArray[np.float32]
) -> Any:
    """Return a loss module: `loss`, and in training the weighted distance to the base on the next general texts.

    Its attribute `batches_done` is the number of batches so far; `synchronised` sets it at the start.
    """
    import torch

    keep = work.variant.training.keep
    distances: dict[Literal["cosine", "relational"], Any] = {
        "cosine": cosine_distance,
        "relational": relational_distance,
    }

    class DistillationLoss(torch.nn.Module):
        """A loss and the distance to the base."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.loss = loss
            self.batches_done = 0

        def forward(self, features: Any, labels: Any) -> Any:
            """Return both terms by name, so that the log states each; without gradients only the loss."""
            own = self.loss(features, labels)
            if not torch.is_grad_enabled():
                return own
            chosen = positions(general.distilled, step=self.batches_done, size=keep.texts_per_step, seed=work.seed)
            self.batches_done += 1
            batch = model.preprocess([general.texts[position] for position in chosen])
            device = next(model.parameters()).device
            batch = {name: value.to(device) if torch.is_tensor(value) else value for name, value in batch.items()}
            target = torch.from_numpy(vectors[chosen]).to(device)
            distance = distances[keep.distance](self.model(batch)["sentence_embedding"], target)
            return {"loss_of_task": own, "loss_of_distillation": keep.distillation * distance}

    return DistillationLoss()


def synchronised(loss: Any, *, accumulation: int) -> TrainerCallback:
    """Return a callback that sets the number of batches done where a training starts or resumes."""
    from transformers import TrainerCallback

    class Synchronised(TrainerCallback):
        """Sets `batches_done`."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:
            """Count the batches of the steps that are done."""
            del args, control
            loss.batches_done = state.global_step * accumulation

    return Synchronised()
