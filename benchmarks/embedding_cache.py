"""What do vectors from the cache cost, and how much of a batch is padding? Ours against mteb's.

    python benchmarks/embedding_cache.py [--texts 20000] [--json FILE]

First part: the same texts through mteb's `CachedEmbeddingWrapper` and ours, vectors made by the same trivial
encoder, so that what is timed is the cache: first pass (encode and keep), second pass by a fresh object (serve).
Second part: tokens computed per token of text, padding included, for texts whose lengths spread as those of
clinical records do (log-normal, median 300, cut at 1,024): 32 a batch in the order of the task, as mteb sends them,
against a budget of tokens in order of length. Exits 1 when serving is slower than mteb's, or padding is above 3%.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from datasets import Dataset
from mteb._create_dataloaders import create_dataloader
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.cache_wrappers import CachedEmbeddingWrapper
from mteb.types import PromptType

from tcmbench.evaluation.cached_encoder import CachedEncoder
from tests.evaluation.fakes import PlainTask, model_meta

DIMENSIONS = 1024
MOST_PADDING = 1.03


class Trivial(AbsEncoder):
    """Makes a vector of a text's checksum; one class for both sides."""

    max_length = 1024
    dtype = "float32"
    batch_tokens = 16_384

    def __init__(self) -> None:
        self.mteb_model_meta = model_meta()
        self.revision = "1"
        self._base = np.random.default_rng(0).standard_normal(DIMENSIONS, dtype=np.float32)

    def prompt_for(self, task_metadata: object, prompt_type: object) -> str:
        """Return no prompt."""
        del task_metadata, prompt_type
        return ""

    def token_lengths(self, texts: Any) -> list[int]:
        """Return the length in characters."""
        return [min(len(text), self.max_length) for text in texts]

    def encode_texts(self, texts: Any) -> Any:
        """Return one vector a text."""
        return np.stack([self._base * (1 + zlib.crc32(text.encode()) % 9973) for text in texts])

    def encode(self, inputs: Any, **_: Any) -> Any:
        """Return one vector a text."""
        return self.encode_texts([text for batch in inputs for text in batch["text"]])


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    lengths = np.random.default_rng(3).lognormal(np.log(300), 0.6, arguments.texts).clip(8, 1024).astype(int)
    texts = [f"{number:08d}" + "证" * int(length - 8) for number, length in enumerate(lengths)]
    figures: dict[str, Any] = {"texts": arguments.texts, "dimensions": DIMENSIONS}
    with tempfile.TemporaryDirectory() as folder:
        makers = {
            "mteb": lambda: CachedEmbeddingWrapper(Trivial(), Path(folder) / "mteb"),
            "ours": lambda: CachedEncoder(Trivial(), cache_dir=Path(folder) / "ours"),
        }
        for who, make in makers.items():
            first, vectors = timed(make(), texts)
            again, served = timed(make(), texts)
            np.testing.assert_array_equal(vectors, served)
            size = sum(path.stat().st_size for path in (Path(folder) / who).rglob("*") if path.is_file())
            figures[who] = {"first_pass_s": first, "second_pass_s": again, "mib": size / (1 << 20)}
        sorted_model = CachedEncoder(Trivial(), cache_dir=Path(folder) / "padding")
        sorted_model.encode_list(texts)
    ours_padding = sorted_model.padded_tokens / sorted_model.encoded_tokens
    batches = [lengths[start : start + 32] for start in range(0, len(lengths), 32)]
    mteb_padding = sum(int(batch.max()) * len(batch) for batch in batches) / int(lengths.sum())
    figures["padding"] = {"mteb": mteb_padding, "ours": ours_padding}
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({"environment": environment(), **figures}, indent=1) + "\n")
    served_faster = figures["ours"]["second_pass_s"] <= figures["mteb"]["second_pass_s"]
    return 0 if served_faster and ours_padding <= MOST_PADDING else 1


def timed(model: Any, texts: list[str]) -> tuple[float, Any]:
    """Return CPU seconds and vectors of one pass over the texts, as documents of a retrieval task."""
    dataset = Dataset.from_dict({"id": [str(number) for number in range(len(texts))], "text": texts})
    loader = create_dataloader(dataset, task_metadata=PlainTask.metadata, prompt_type=PromptType.document)
    start = time.process_time()
    vectors = model.encode(
        loader,
        task_metadata=PlainTask.metadata,
        hf_split="test",
        hf_subset="default",
        prompt_type=PromptType.document,
    )
    return time.process_time() - start, np.asarray(vectors)


def show(figures: dict[str, Any]) -> None:
    """Print the figures."""
    print(environment())
    print(f"{figures['texts']} texts, {figures['dimensions']} dimensions")
    print(f"{'':24} {'mteb':>8} {'ours':>8} {'ratio':>7}")
    for name, label in (
        ("first_pass_s", "first pass, CPU s"),
        ("second_pass_s", "second pass, CPU s"),
        ("mib", "on disk, MiB"),
    ):
        rival, ours = figures["mteb"][name], figures["ours"][name]
        print(f"{label:24} {rival:8.2f} {ours:8.2f} {rival / ours:6.1f}×")
    rival, ours = figures["padding"]["mteb"], figures["padding"]["ours"]
    print(f"{'tokens computed / needed':24} {rival:8.3f} {ours:8.3f} {rival / ours:6.2f}×")


def environment() -> str:
    """Return what the figures depend on."""
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("mteb", "numpy", "datasets"))
    return f"Python {platform.python_version()}, {packages}; {platform.machine()}, one thread"


if __name__ == "__main__":
    sys.exit(main())
