"""Checks inside ms-swift's process, before the first step and at every logged one.

Loaded with `--external_plugins`. It compares what ms-swift's template makes of a few canary texts with what evaluation
makes of them, token by token, counts the examples that are left after preprocessing, stops where the loss is zero from
the first step on or isn't finite, records the checksums of checkpoints, and measures the margin on the dev examples.
None of that changes a number.
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
from tcmbench.models.canaries import DOCUMENTS, QUERIES, pair_ids, text_ids
from tcmbench.trainers._runtime import checkpoints, training_log
from tcmbench.trainers._runtime.margin import mean_margin
from tcmbench.trainers._swift.plugin import guard_file
from tcmbench.trainers._swift.plugin.token_rate import TokenRate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TRUST = "TCMBENCH_TRUST_REMOTE_CODE"

# ms-swift runs any code that comes with a model unless told otherwise.
ModelLoader.default_trust_remote_code = os.environ.get(TRUST) == "1"


class Guard(TrainerCallback):
    """Stops a training that would teach something else than evaluation measures, or nothing."""

    def on_train_begin(self, args: Any, state: Any, *_: object, **__: object) -> None:
        """Compare template and row count with what evaluation and the training set say; name the checkpoint."""
        told = guard_file.read()
        rows = len(self.trainer.train_dataset)
        if rows != told["rows"]:
            raise TrainingError(
                f"expected {told['rows']} examples after ms-swift's preprocessing, found {rows}: it drops rows "
                "that are longer than training.max_length or that it can't read. Build the training set again."
            )
        with _any_length(self.trainer.template) as template:
            check_template(template, told)
        # ms-swift notes a checkpoint only where it writes one: resumed at its own last step it would end without any
        if args.resume_from_checkpoint and not hasattr(state, "last_model_checkpoint"):
            state.last_model_checkpoint = args.resume_from_checkpoint

    def on_log(self, args: Any, state: Any, *_: object, **__: object) -> None:
        """Stop where the loss isn't finite, or nothing was learnt up to here."""
        del args
        training_log.refuse_divergence(state.log_history)
        if not guard_file.read()["loss_may_be_zero"] and training_log.learns_nothing(state.log_history):
            raise TrainingError(training_log.ZERO_LOSS)

    def on_save(self, args: Any, state: Any, *_: object, **__: object) -> None:
        """Record the checksums of the checkpoint, once all processes have written their files of it."""
        import torch.distributed as processes

        if processes.is_available() and processes.is_initialized():
            processes.barrier()
        if state.is_world_process_zero:
            checkpoints.record(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class Margin(EvalMetrics):
    """The dev margin, as every trainer measures it, in place of ms-swift's own metrics."""

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """Return the margin of embedding models that learn from a positive and its negatives; nothing for others."""
        per_example = guard_file.read()["texts_per_example"]
        if not per_example:
            return {}
        vectors = eval_prediction.predictions
        grouped = vectors.reshape(-1, per_example, vectors.shape[-1])
        margin = mean_margin(grouped[:, 0], grouped[:, 1:])
        return {} if margin is None else {"margin": margin}


@contextmanager
def _any_length(template: Any) -> Iterator[Any]:
    """Lift the limit of the training texts while the canaries, which may be longer, are encoded."""
    longest, template.max_length = template.max_length, None
    try:
        yield template
    finally:
        template.max_length = longest


def check_template(template: Any, told: Mapping[str, Any]) -> None:
    """Compare ms-swift's token ids of the canaries with evaluation's.

    Raises:
        ParityError: They differ; the message shows both.
    """
    tokenizer = template.tokenizer
    for query, document in zip(QUERIES, DOCUMENTS, strict=True):
        if told["task"] == "embedding":
            texts = [told["query_prompt"] + query, told["document_prompt"] + document]
            row = {
                "messages": [{"role": "user", "content": texts[0]}],
                "positive_messages": [[{"role": "user", "content": texts[1]}]],
            }
            encoded = template.encode(row)
            found = [list(encoded["anchor_input_ids"]), list(encoded["positive_input_ids"])]
            expected = [text_ids(tokenizer, text) for text in texts]
        else:
            row = {
                "messages": [
                    {"role": "system", "content": told["instruction"]},
                    {"role": "user", "content": query},
                ],
                "positive_messages": [[{"role": "assistant", "content": document}]],
            }
            found = [list(ids) for ids in template.encode(row)["input_ids"]]
            expected = [pair_ids(tokenizer, query, document, instruction=told["instruction"])]
        if found != expected:
            raise ParityError(
                f"ms-swift's template and evaluation make different tokens of {query!r}: {found} against {expected}. "
                "Check query_prompt and instruction of the base, the <|endoftext|> post-processor of its tokenizer "
                "and, for a reranker, its chat template."
            )


callbacks_map["tcmbench_guard"] = Guard
eval_metrics_map["tcmbench_margin"] = Margin
optimizers_map["tcmbench_token_rate"] = TokenRate
