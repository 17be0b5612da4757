"""The logits of a reranker in half precision, computed in float32 from the states of its last layer.

A logit of 8 has steps of 1/16 in bfloat16, so documents that the model distinguishes would tie; vLLM computes heads in
float32, too.
"""

from __future__ import annotations

from typing import Any


def compute_in_full(model: Any) -> None:
    """Make a CrossEncoder in half precision return float32 logits; one in float32 stays as it is.

    The weights stay in half precision: only the product with those of the answer is computed again.

    Args:
        model: A CrossEncoder.
    """
    import torch

    if next(model.parameters()).dtype == torch.float32:
        return
    score = next((module for module in model if type(module).__name__ == "LogitScore"), None)
    if score is None:
        heads = [
            module for module in model.modules() if isinstance(module, torch.nn.Linear) and module.out_features == 1
        ]
        for head in heads[-1:]:
            head.register_forward_hook(_one_label)
        return
    network = model[0].auto_model
    answers = [answer for answer in (score.true_token_id, score.false_token_id) if answer is not None]
    network.get_output_embeddings().register_forward_hook(_of_answers(answers))


def _one_label(head: Any, inputs: tuple[Any, ...], _: Any) -> Any:
    from torch.nn.functional import linear

    return linear(inputs[0].float(), head.weight.float(), None if head.bias is None else head.bias.float())


def _of_answers(answers: list[int]) -> Any:
    """Return a hook on a language head; only the last token of an input is judged."""

    def hook(head: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        from torch.nn.functional import linear

        bias = None if head.bias is None else head.bias[answers].float()
        logits = output[:, -1:].float()
        logits[..., answers] = linear(inputs[0][:, -1:].float(), head.weight[answers].float(), bias)
        return logits

    return hook
