"""Checks inside ms-swift's process, before the first step and at every logged one.

Loaded with `--external_plugins`. It compares ms-swift's tokens of the canary texts with those of evaluation, counts the
examples after preprocessing, stops where the loss is zero from the first step on or isn't finite, records the checksums
of checkpoints, and measures the margin on the dev examples. None of this affects the training. It also sets the
dropout of the recipe, and registers model types, losses and an optimiser.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swift.callbacks import callbacks_map
from swift.callbacks.base import TrainerCallback
from swift.metrics.base import EvalMetrics
from swift.metrics.mapping import eval_metrics_map
from swift.model.register import ModelLoader
from swift.optimizers import optimizers_map

from tcmbench.errors import ParityError, TrainingError
from tcmbench.models.canaries import DOCUMENTS, QUERIES, pair_inputs, text_ids
from tcmbench.trainers._runtime import checkpoints, dropout, training_log
from tcmbench.trainers._runtime.margin import mean_margin
from tcmbench.trainers._swift.plugin import encoder_types, guard_file, row_losses
from tcmbench.trainers._swift.plugin.token_rate import TokenRate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TRUST = "TCMBENCH_TRUST_REMOTE_CODE"

# By default ms-swift runs any code that comes with a model.
ModelLoader.default_trust_remote_code = os.environ.get(TRUST) == "1"


class Guard(TrainerCallback):
    """Stops a training whose inputs differ from those of evaluation, or that teaches nothing."""

    def on_train_begin(self, args: Any, state: Any, *_: object, **__: object) -> None:
        """Compare the template with evaluation and the row count with the training set; set the checkpoint."""
        settings = guard_file.read()
        rows = len(self.trainer.train_dataset)
        if rows != settings["rows"]:
            raise TrainingError(
                f"expected {settings['rows']} examples after ms-swift's preprocessing, found {rows}: it drops rows "
                "that are longer than training.max_length or that it can't read. Build the training set again."
            )
        with _any_length(self.trainer.template) as template:
            check_template(template, settings)
        dropout.set_rate(self.trainer.model, settings["dropout"], where=f"variant {settings['variant']}")
        # ms-swift sets the checkpoint only when it writes one: resumed at the last step it would end without any.
        if args.resume_from_checkpoint and not hasattr(state, "last_model_checkpoint"):
            state.last_model_checkpoint = args.resume_from_checkpoint

    def on_log(self, args: Any, state: Any, *_: object, **__: object) -> None:
        """Stop where the loss isn't finite, or was zero throughout."""
        del args
        training_log.refuse_divergence(state.log_history)
        if not guard_file.read()["loss_may_be_zero"] and training_log.learns_nothing(state.log_history):
            raise TrainingError(training_log.ZERO_LOSS)

    def on_save(self, args: Any, state: Any, *_: object, **__: object) -> None:
        """Record the checksums of the checkpoint, after all processes have written their files."""
        import torch.distributed as processes

        if processes.is_available() and processes.is_initialized():
            processes.barrier()
        if state.is_world_process_zero:
            checkpoints.record(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class Margin(EvalMetrics):
    """The dev margin of all trainers, in place of ms-swift's own metrics."""

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """Return the margin of embedding models trained on positives and negatives; nothing for others."""
        per_example = guard_file.read()["texts_per_example"]
        if not per_example:
            return {}
        vectors = eval_prediction.predictions
        grouped = vectors.reshape(-1, per_example, vectors.shape[-1])
        margin = mean_margin(grouped[:, 0], grouped[:, 1:])
        return {} if margin is None else {"margin": margin}


@contextmanager
def _any_length(template: Any) -> Iterator[Any]:
    """Lift the length limit while the canaries, which may be longer, are encoded."""
    longest, template.max_length = template.max_length, None
    try:
        yield template
    finally:
        template.max_length = longest


def check_template(template: Any, settings: Mapping[str, Any]) -> None:
    """Compare ms-swift's token ids of the canaries with evaluation's.

    Raises:
        ParityError: They differ; the message shows both.
    """
    tokenizer = template.tokenizer
    for query, document in zip(QUERIES, DOCUMENTS, strict=True):
        if settings["task"] == "embedding":
            texts = [settings["query_prompt"] + query, settings["document_prompt"] + document]
            row = {
                "messages": [{"role": "user", "content": texts[0]}],
                "positive_messages": [[{"role": "user", "content": texts[1]}]],
            }
            encoded = template.encode(row)
            found = [list(encoded["anchor_input_ids"]), list(encoded["positive_input_ids"])]
            expected = [text_ids(tokenizer, text) for text in texts]
        else:
            system = [{"role": "system", "content": settings["instruction"]}] if settings["instruction"] else []
            row = {
                "messages": [*system, {"role": "user", "content": query}],
                "positive_messages": [[{"role": "assistant", "content": document}]],
            }
            found = [list(ids) for ids in template.encode(row)["input_ids"]]
            inputs = pair_inputs(tokenizer, query, document, instruction=settings["instruction"])
            expected = [inputs["input_ids"]]
        if found != expected:
            raise ParityError(
                f"ms-swift's template and evaluation make different tokens of {query!r}: {found} against {expected}. "
                "Check query_prompt and instruction of the base, the <|endoftext|> post-processor of its tokenizer "
                "and, for a reranker, its chat template."
            )


encoder_types.register()
row_losses.register()
callbacks_map["tcmbench_guard"] = Guard
eval_metrics_map["tcmbench_margin"] = Margin
optimizers_map["tcmbench_token_rate"] = TokenRate
