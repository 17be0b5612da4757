"""``python -m models.recipes.mini_zh.static --data DATA --work WORK``: train and write mini-zh-static."""

from __future__ import annotations

import argparse
import itertools
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from models.recipes.mini_zh import batches
from models.recipes.mini_zh.export import NORMALIZE
from models.recipes.mini_zh.loss import info_nce
from models.recipes.mini_zh.pairs import read_corpus
from models.recipes.mini_zh.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)
SEED = 20_261
VOCABULARY = 16_000
WIDTH = 384
_STEPS = 1500
_MODULES = (
    ("", "sentence_transformers.models.StaticEmbedding"),
    ("1_Normalize", "sentence_transformers.models.Normalize"),
)


def main() -> None:
    """Train the table of token vectors and write it below ``--work``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds pretrain/ and general/")
    parser.add_argument("--work", type=Path, required=True, help="folder for the model, mini-zh-static/ in it")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    corpus = read_corpus(arguments.data)
    tokenizer = train_tokenizer(corpus.train, vocabulary=VOCABULARY, seed=SEED)
    grouped = batches.tokenise(tokenizer, corpus.train)
    stream = batches.stream(grouped, prompt=(), end=batches.end_of_text(tokenizer), seed=SEED)
    vectors = train_table(stream, vocabulary=tokenizer.get_vocab_size(), width=WIDTH, steps=_STEPS, seed=SEED)
    export_static(vectors, tokenizer, folder=arguments.work / "mini-zh-static")


def train_table(stream: Iterator[batches.Batch], *, vocabulary: int, width: int, steps: int, seed: int) -> torch.Tensor:
    """Return token vectors whose plain mean is an embedding; a token's length is its weight."""
    import torch

    torch.manual_seed(seed)
    vectors = torch.nn.Parameter(torch.randn(vocabulary, width) / width**0.5)
    optimiser = torch.optim.Adam([vectors], lr=3e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - 0.95 * step / steps)
    for step, batch in enumerate(itertools.islice(stream, steps), start=1):
        queries = _means(vectors, batch.query_ids, batch.query_last)
        positives = _means(vectors, batch.positive_ids, batch.positive_last)
        loss = info_nce(queries, positives, same=batch.same, temperature=0.05)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            logger.info("step %d of %d: loss %.3f (%s)", step, steps, loss.item(), batch.source)
    return vectors.detach()


def export_static(vectors: torch.Tensor, tokenizer: Tokenizer, *, folder: Path) -> None:
    """Write a StaticEmbedding in eight bits with one scale a token, which loads as single precision."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    scales = vectors.abs().amax(dim=1).clamp_min(1e-8) / 127
    whole = torch.round(vectors / scales[:, None]).to(torch.int8)
    save_file({"embeddings": whole, "weights": scales.float()}, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": kind} for number, (path, kind) in enumerate(_MODULES)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
    (folder / "1_Normalize").mkdir(exist_ok=True)
    (folder / "1_Normalize" / "config.json").write_text(json.dumps(NORMALIZE, indent=2) + "\n", encoding="utf-8")
    settings = {"prompts": {"query": "", "document": ""}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    text = json.dumps(settings, indent=2) + "\n"
    (folder / "config_sentence_transformers.json").write_text(text, encoding="utf-8")


def _means(vectors: torch.Tensor, ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    import torch
    from torch.nn import functional

    inside = (torch.arange(ids.shape[1])[None] < last[:, None]).to(vectors.dtype)
    return functional.normalize(functional.embedding_bag(ids, vectors, mode="sum", per_sample_weights=inside), dim=-1)


if __name__ == "__main__":
    main()
