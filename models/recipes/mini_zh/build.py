"""``python -m models.recipes.mini_zh.build --data DATA --work WORK``: train mini-zh from the pairs."""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from models.recipes.mini_zh import batches, network, progress, training
from models.recipes.mini_zh.bag import bag, train_bag
from models.recipes.mini_zh.export import export_embedding
from models.recipes.mini_zh.pairs import Corpus, read_corpus
from models.recipes.mini_zh.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from tokenizers import Tokenizer
    from transformers import Qwen3ForCausalLM

logger = logging.getLogger(__name__)
SEED = 20_260


def main() -> None:
    """Run every stage that is not done yet below ``--work``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds pretrain/ and general/")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and logs")
    parser.add_argument("--steps", type=int, default=450, help="steps of stage two")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="of the matrices")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments.work.mkdir(parents=True, exist_ok=True)
    schedule = training.Schedule(steps=arguments.steps, learning_rate=arguments.learning_rate)
    model, tokenizer = train(read_corpus(arguments.data), work=arguments.work, schedule=schedule)
    export_embedding(model, tokenizer, folder=arguments.work / "mini-zh")


def train(corpus: Corpus, *, work: Path, schedule: training.Schedule) -> tuple[Qwen3ForCausalLM, Tokenizer]:
    """Return mini-zh, trained on ``corpus``, and its tokenizer without the closing token."""
    report = {"read": corpus.read, "dropped": corpus.dropped, "train": len(corpus.train)}
    (work / "leaks.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    tokenizer = _tokenizer(corpus, work / "tokenizer.json")
    end = batches.end_of_text(tokenizer)
    prompt = tokenizer.encode(batches.QUERY_PROMPT, add_special_tokens=False).ids
    grouped = batches.tokenise(tokenizer, corpus.train)
    held_back = batches.tokenise(tokenizer, corpus.held_back)
    vocabulary = tokenizer.get_vocab_size()
    config = network.configuration(vocabulary=vocabulary, end_id=end)

    def measure(encode: progress.Encode) -> dict[str, float]:
        return progress.found_first(encode, held_back, prompt=prompt, end=end)

    vectors = _vectors(
        batches.stream(grouped, prompt=prompt, end=end, seed=SEED),
        path=work / "vectors.pt",
        vocabulary=vocabulary,
        end=end,
    )
    logger.info("bag: %s", measure(lambda ids, last: bag(vectors, ids, last, end=end)))
    model = network.start(config, vectors=vectors, seed=SEED)
    training.train_network(
        model,
        batches.stream(grouped, prompt=prompt, end=end, seed=SEED + 1),
        schedule=schedule,
        folder=work,
        measure=lambda trained: measure(lambda ids, last: network.encode(trained, ids, last)),
    )
    return model, tokenizer


def _tokenizer(corpus: Corpus, path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    if not path.exists():
        train_tokenizer(corpus.train, seed=SEED).save(str(path), pretty=False)
    return Tokenizer.from_file(str(path))


def _vectors(stream: Iterator[batches.Batch], *, path: Path, vocabulary: int, end: int) -> torch.Tensor:
    import torch

    if not path.exists():
        started = time.monotonic()
        vectors = train_bag(stream, vocabulary=vocabulary, width=network.HIDDEN, end=end, steps=1500, seed=SEED)
        torch.save(vectors, path)
        logger.info("bag trained in %.0f s", time.monotonic() - started)
    loaded: torch.Tensor = torch.load(path, weights_only=True)
    return loaded


if __name__ == "__main__":
    main()
