"""How long does a processor take for a step of training, with which attention and precision? Against plain training.

    python -m benchmarks.training_step [--texts 64] [--base mini-zh]

Loss and gradients of one batch of pairs, without the optimizer, on one thread. Rival: sentence-transformers'
`MultipleNegativesRankingLoss` in float32 with torch's fused attention, its default. Ours: the trainer's InfoNCE, which
encodes texts of similar length together (`mini_batch_tokens`), with each attention, in float32 and in bfloat16. Only
processors with AVX512-BF16 or AMX compute bfloat16 faster (`tcmbench doctor`). Losses must be the same to rounding.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _cost, _result, encode
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks._cost import Cost

_TEXTS, _QUICK_TEXTS = 64, 16
_LENGTH, _TOKENS, _TEMPERATURE = 256, 2048, 0.05
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.1}


class Step(NamedTuple):
    """Loss and costs of a step."""

    loss: float
    cost: Cost
    tokens: int


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield processor times of a step, of both kinds of attention in both precisions."""
    texts = given.texts or (_QUICK_TEXTS if given.quick else _TEXTS)
    rival: Step = _cost.apart(step, given.base, texts, "sdpa", "float32", None)
    for dtype in ("float32", "bfloat16"):
        for attention in ("sdpa", "eager"):
            own: Step = _cost.apart(step, given.base, texts, attention, dtype, _TOKENS)
            if abs(own.loss - rival.loss) > _TOLERANCE[dtype]:
                _result.fail(f"{given.base}: a loss of {own.loss} in {dtype} with {attention}, and of {rival.loss}")
            yield Row(
                case=f"{given.base}, {attention}, {dtype}: {texts // 2} pairs, {rival.tokens:,} tokens",
                unit="processor s",
                ours=own.cost.cpu,
                rival=rival.cost.cpu,
                rival_name="MultipleNegativesRankingLoss, sdpa, float32",
                mib=own.cost.mib,
                rival_mib=rival.cost.mib,
                note=f"{given.base}, {attention}, {dtype}: {own.tokens / own.cost.cpu:,.0f} tokens a second.",
            )


def step(base: str, count: int, attention: str, dtype: str, part_tokens: int | None) -> Step:
    """Return loss and costs of a step, after one that isn't counted.

    Args:
        base: An embedding base.
        count: Texts; the first half are queries.
        attention: Implementation in transformers.
        dtype: Precision of the computation; weights and gradients are float32.
        part_tokens: Most tokens encoded at a time by our loss; None: sentence-transformers' own loss.
    """
    import torch

    model = _opened(base, attention)
    loss_of = _loss(model, part_tokens)
    texts = encode.texts_of(count)
    columns = [model.preprocess(half) for half in (texts[: count // 2], texts[count // 2 :])]
    half = torch.autocast("cpu", dtype=torch.bfloat16) if dtype == "bfloat16" else contextlib.nullcontext()

    def once() -> float:
        model.zero_grad(set_to_none=False)
        with half:
            loss = loss_of([dict(column) for column in columns], torch.empty(0))
        loss.backward()
        return float(loss)

    once()
    found, cost = _cost.of(once)
    return Step(found, cost, sum(int(column["attention_mask"].sum()) for column in columns))


def _opened(base: str, attention: str) -> Any:
    import torch

    from tcmbench import models
    from tcmbench.encoders.runtime.opening import open_model
    from tcmbench.workspace import bundled_content, find

    torch.set_num_threads(1)
    found = models.base_model(find(bundled_content()), base)
    settings = found.base.model_copy(update={"dtype": "float32", "attention": attention})
    opened = open_model(Path(str(found.model_dir)), settings, device="cpu")
    opened.max_seq_length = _LENGTH
    return opened.eval()


def _loss(model: Any, part_tokens: int | None) -> Any:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from tcmbench.specs.variant import Training
    from tcmbench.trainers._sentence_transformers.parts import InfoNCEInParts

    if part_tokens is None:
        return MultipleNegativesRankingLoss(model, scale=1 / _TEMPERATURE)
    return InfoNCEInParts(model, Training(temperature=_TEMPERATURE), tokens=part_tokens)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the batch and the base."""
    parser.add_argument("--texts", type=int, help=f"texts of the batch, half of them queries; {_TEXTS} by default")
    parser.add_argument("--base", default="mini-zh", help="an embedding base whose weights are here")


if __name__ == "__main__":
    packages = ("sentence-transformers", "transformers", "torch")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
