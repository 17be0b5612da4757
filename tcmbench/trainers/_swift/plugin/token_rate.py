"""An optimiser for ms-swift that gives the token vectors a learning rate of their own.

Adam moves every weight by about the learning rate a step. A matrix is moved by each step, the vector of a rare token
only by those that hold it: at one rate for both a small training set wrecks the one before it has taught the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swift.optimizers import OptimizerCallback

from tcmbench.trainers._swift.plugin import guard_file

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


class TokenRate(OptimizerCallback):
    """AdamW as ms-swift makes it, in two groups more."""

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
                # the matrices first: the log shows the rate of the first group
                for (is_token, decays), weights in sorted(groups.items(), key=lambda group: group[0])
            ],
            **options,
        )
