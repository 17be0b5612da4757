"""An optimiser for ms-swift with a separate learning rate for the token vectors.

Adam moves every weight by about the learning rate per step. A matrix moves in each step, the vector of a rare token
only in those that contain it: with one rate for both, a small training set damages the matrices before the vectors are
trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swift.optimizers import OptimizerCallback

from tcmbench.trainers._swift.plugin import guard_file

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


class TokenRate(OptimizerCallback):
    """ms-swift's AdamW with two more parameter groups."""

    def create_optimizer(self, model: Any = None) -> Optimizer:
        """Return the optimiser; every trainable weight is in one group."""
        from transformers import Trainer

        trained = self.trainer.model if model is None else model
        rate = float(guard_file.read()["token_learning_rate"])
        decayed = set(Trainer.get_decay_parameter_names(self.trainer, trained))
        tokens = {id(weight) for weight in trained.get_input_embeddings().parameters()}
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, weight in trained.named_parameters():
            if weight.requires_grad:
                groups.setdefault((id(weight) in tokens, name in decayed), []).append(weight)
        kind, options = Trainer.get_optimizer_cls_and_kwargs(self.args, trained)
        return kind(
            [
                {
                    "params": weights,
                    "lr": rate if is_token else self.args.learning_rate,
                    "weight_decay": self.args.weight_decay if decays else 0.0,
                }
                # The matrices first: the log shows the rate of the first group.
                for (is_token, decays), weights in sorted(groups.items(), key=lambda group: group[0])
            ],
            **options,
        )
