"""``python -m models.recipes.mini_zh.reranker --data DATA --work WORK``: make mini-zh-reranker from mini-zh."""

from __future__ import annotations

import argparse
import csv
import itertools
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from models.recipes.mini_zh import batches, candidates
from models.recipes.mini_zh.export import export_reranker
from models.recipes.mini_zh.judge import judge
from models.recipes.mini_zh.matching import rarities, start_matching
from models.recipes.mini_zh.pairs import Pair, read_corpus
from models.recipes.mini_zh.templates import AFTER, reranker_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import torch
    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

logger = logging.getLogger(__name__)
SEED = 20_262
_MOST = 4_000
"""Pairs of a source that negatives are mined for."""


_PASSAGES = ("drcd-dev", "cmrc-trial")
"""Sources of questions and passages: what the held-back figure is measured on."""
_HELD_BACK = 30
"""Held-back queries a source."""
_CONFUSED = 10
_FULL = 400
"""Tokens of a held-back passage: about what evaluation meets."""
_HERE = "QUERY"


class Prompt:
    """The reranker's prompt as token ids, cut where the texts go.

    A text's tokens depend on its neighbours: the space before it and the line end after a query belong to it
    (``spaced``), so that the pieces are the tokens of the whole.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        def ids(text: str) -> list[int]:
            found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
            return found

        question, document = reranker_head(_HERE).split(f" {_HERE}\n")
        self.prefix = ids(question)
        self.between = ids(document.rstrip(" "))
        self.after = ids(AFTER)
        self.answers = (batches.token_id(tokenizer, "yes"), batches.token_id(tokenizer, "no"))

    def rows(self, groups: Sequence[candidates.Group]) -> list[list[int]]:
        """Return what follows the prefix, a row for every document of every group."""
        return [
            [*group.query, *self.between, *document, *self.after] for group in groups for document in group.documents
        ]


def spaced(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs with the white space that the prompt puts around each text."""
    return [Pair(pair.source, f" {pair.query}\n", f" {pair.positive}") for pair in pairs]


class Rates(NamedTuple):
    """Peak learning rates."""

    matrices: float
    """Small: the start is set by hand and easily blurred."""

    vectors: float
    """Large: a token's rarity lies between 0 and 2 and is only a first guess at what finding it is worth."""


def main() -> None:
    """Set the start, train it for as many steps as asked and write the model below ``--work``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds pretrain/ and general/")
    parser.add_argument("--work", type=Path, required=True, help="folder of mini-zh's build")
    parser.add_argument("--steps", type=int, default=300, help="0 keeps the start")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="of the matrices")
    parser.add_argument("--vector-rate", type=float, default=2e-3, help="of the token vectors, rarities among them")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(arguments.work / "tokenizer.json"))
    corpus = read_corpus(arguments.data)
    grouped = batches.tokenise(tokenizer, spaced(pair for pair in corpus.train if pair.source in candidates.SHARES))
    held_back = batches.tokenise(tokenizer, spaced(p for p in corpus.held_back if p.source in _PASSAGES))
    mined = {name: candidates.mine(grouped[name], most=_MOST, seed=SEED) for name in candidates.SHARES}
    documents = [pair.positive for pairs in grouped.values() for pair in pairs]
    model = _start(arguments.work, tokenizer, documents)
    train_reranker(
        model,
        candidates.stream(mined, grouped, seed=SEED),
        prompt=Prompt(tokenizer),
        steps=arguments.steps,
        rates=Rates(arguments.learning_rate, arguments.vector_rate),
        folder=arguments.work,
        held_back=[group for name in _PASSAGES for group in _held_back_groups(held_back[name])],
    )
    export_reranker(model, tokenizer, folder=arguments.work / "mini-zh-reranker")


def train_reranker(
    model: Qwen3ForCausalLM,
    stream: Iterator[list[candidates.Group]],
    *,
    prompt: Prompt,
    steps: int,
    rates: Rates,
    folder: Path,
    held_back: Sequence[candidates.Group],
) -> None:
    """Train ``model`` in place: every document judged by itself, and the right one before its group."""
    import torch

    # The zeros of a network set by hand become numbers below 1e-38, which a processor computes in software.
    torch.set_flush_denormal(True)
    vectors = model.model.embed_tokens.weight
    groups = [
        {"params": [vectors], "lr": rates.vectors},
        {"params": [p for p in model.parameters() if p is not vectors], "lr": rates.matrices},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 20) * max(0.02, 1.0 - step / max(1, steps))
    )
    started, smooth = time.monotonic(), 0.0
    with (folder / "reranker.csv").open("w", encoding="utf-8", newline="") as file:
        log = csv.writer(file)
        log.writerow(["step", "seconds", "loss", "held_back_first"])
        logger.info("start: first %.3f", _first(model, held_back, prompt=prompt))
        for step, batch in enumerate(itertools.islice(stream, steps), start=1):
            loss = _loss(_scores(model, batch, prompt=prompt))
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            smooth = loss.item() if step == 1 else 0.97 * smooth + 0.03 * loss.item()
            if step % 20 == 0 or step == steps:
                first = _first(model, held_back, prompt=prompt) if step % 100 == 0 or step == steps else float("nan")
                seconds = round(time.monotonic() - started)
                log.writerow([step, seconds, round(smooth, 4), round(first, 4)])
                file.flush()
                logger.info("step %d of %d: loss %.3f, first %.3f, %d s", step, steps, smooth, first, seconds)


def _start(work: Path, tokenizer: Tokenizer, documents: Iterable[Sequence[int]]) -> Qwen3ForCausalLM:
    import torch

    prompt = Prompt(tokenizer)
    vectors = torch.load(work / "vectors.pt", weights_only=True)
    template = [*prompt.prefix, *prompt.between, *prompt.after]
    rarity = rarities(documents, vocabulary=len(vectors), template=template)
    return start_matching(
        vectors, rarity, marker=prompt.between[0], sink=prompt.prefix[0], answers=prompt.answers, seed=SEED
    )


def _scores(model: Qwen3ForCausalLM, groups: Sequence[candidates.Group], *, prompt: Prompt) -> torch.Tensor:
    """Return a row of scores a group, the right document's first."""
    import torch

    rows = prompt.rows(groups)
    ids, length = batches.pad(rows, end=0)
    scores = judge(model, torch.tensor(prompt.prefix), ids, length - 1, prompt.answers)
    return scores.view(len(groups), -1)


def _loss(scores: torch.Tensor) -> torch.Tensor:
    import torch
    from torch.nn import functional

    right = torch.zeros_like(scores)
    right[:, 0] = 1.0
    pointwise = functional.binary_cross_entropy_with_logits(
        scores, right, pos_weight=torch.tensor(float(scores.shape[1] - 1))
    )
    listwise = functional.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long))
    return pointwise + listwise


def _held_back_groups(pairs: Sequence[batches.Tokens]) -> list[candidates.Group]:
    """Return held-back queries with their passage and the ten that BM25 confuses most with it, at full length."""
    groups = []
    for pair, confused in candidates.mine(pairs, most=_HELD_BACK, seed=SEED):
        texts = [pair.positive, *(pairs[number].positive for number in confused[:_CONFUSED])]
        groups.append(
            candidates.Group(pair.query, tuple(candidates.best_window(pair.query, t, longest=_FULL) for t in texts))
        )
    return groups


def _first(model: Qwen3ForCausalLM, groups: Sequence[candidates.Group], *, prompt: Prompt) -> float:
    import torch

    with torch.no_grad():
        right = [int(_scores(model, [group], prompt=prompt).argmax()) == 0 for group in groups]
    return sum(right) / len(right)


if __name__ == "__main__":
    main()
