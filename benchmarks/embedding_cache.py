"""What do vectors from the cache cost, and does a killed or a second process ever cost a text twice?

    python -m benchmarks.embedding_cache [--texts 20000]

First part: the same texts through mteb's `CachedEmbeddingWrapper` and tcmbench's cache, with vectors of the same
trivial encoder, so that only the cache is timed: first pass (encode and store), second pass by a new object (read).
Texts are as long as clinical records (log-normal, median 300, cut at 1,024 characters).

Second part, without a rival (mteb writes its cache without a lock and its index only at the end): a process is
killed while it encodes, and the next one counts what is left to encode; two processes encode the same texts at
the same time, and their vectors must be equal. The rows state how often a text was encoded, on average.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset
from mteb._create_dataloaders import create_dataloader
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.cache_wrappers import CachedEmbeddingWrapper
from mteb.types import PromptType

from benchmarks import _cost, _result
from benchmarks._result import Row
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tests.fakes import PlainTask, model_meta

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from multiprocessing.synchronize import Event

    from benchmarks._cost import Cost

DIMENSIONS = 1024
_TEXTS, _QUICK = 20_000, 5_000


class Trivial(AbsEncoder):
    """Computes a vector from a text's checksum; one class for both sides."""

    max_length = 1024
    dtype = "float32"

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
        """Return one vector per text."""
        return np.stack([self._base * (1 + zlib.crc32(text.encode()) % 9973) for text in texts])

    def encode(self, inputs: Any, **_: Any) -> Any:
        """Return one vector per text."""
        return self.encode_texts([text for batch in inputs for text in batch["text"]])


class Slow(Trivial):
    """Takes long enough per batch to be killed, and counts its texts in a file."""

    def __init__(self, encoded: Any) -> None:
        super().__init__()
        self._encoded = encoded

    def encode_texts(self, texts: Any) -> Any:
        """Return one vector per text."""
        self._encoded.value += len(texts)
        time.sleep(0.0002 * len(texts))
        return super().encode_texts(texts)


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows."""
    logging.disable(logging.WARNING)
    count = given.texts or (_QUICK if given.quick else _TEXTS)
    with tempfile.TemporaryDirectory() as folder:
        (first, again, size), (their_first, their_again, their_size) = (
            _cost.apart(passes, who, count, Path(folder) / who) for who in ("ours", "mteb")
        )
        what = f"{count:,} texts, {DIMENSIONS:,} dimensions"
        for case, ours, theirs in (("first pass", first, their_first), ("second pass", again, their_again)):
            yield Row(
                case=f"{case}: {what}",
                unit="processor s",
                ours=ours.cpu,
                rival=theirs.cpu,
                rival_name="mteb's cache",
                mib=ours.mib,
                rival_mib=theirs.mib,
                least_ratio=1.0,
            )
        yield Row(case=f"on disk: {what}", unit="MiB", ours=size, rival=their_size, rival_name="mteb's cache")
        yield Row(
            case=f"killed while encoding {count:,} texts, then run again",
            unit="times a text is encoded",
            ours=after_a_kill(Path(folder) / "killed", count),
            most=1.25,
            note="A killed process loses the texts since it last saved (at most 4,096 texts or 262,144 tokens); what "
            "it had saved is never encoded again.",
        )
        yield Row(
            case=f"two processes with the same {count:,} texts at once, then a third",
            unit="times a text is encoded",
            ours=two_at_once(Path(folder) / "two", count),
            most=1.25,
            note="A batch that one process is encoding is left for later by the other; where one of them "
            "began later their batches differ, and a text can be encoded by both.",
        )


def texts_of(count: int) -> list[str]:
    """Return distinct texts as long as clinical records."""
    lengths = np.random.default_rng(3).lognormal(np.log(300), 0.6, count).clip(8, 1024).astype(int)
    return [f"{number:08d}" + "证" * int(length - 8) for number, length in enumerate(lengths)]


def passes(who: str, count: int, folder: Path) -> tuple[Cost, Cost, float]:
    """Return the costs of two passes by fresh objects, and the MiB on disk."""
    texts = texts_of(count)

    def make() -> Any:
        if who == "mteb":
            return CachedEmbeddingWrapper(Trivial(), folder)
        return CachedEncoder(Trivial(), cache_dir=folder)

    first, vectors = timed(make(), texts)
    again, served = timed(make(), texts)
    np.testing.assert_array_equal(vectors, served)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return first, again, size / (1 << 20)


def after_a_kill(folder: Path, count: int) -> float:
    """Return how often a text is encoded, on average, when the first process is killed half-way."""
    spawn = multiprocessing.get_context("spawn")
    encoded = spawn.Value("q", 0, lock=False)
    process = spawn.Process(target=encode_all, args=(folder, count, encoded))
    process.start()
    third = 4 * DIMENSIONS * count // 3
    while process.is_alive() and sum(path.stat().st_size for path in folder.glob("*/vectors.f32")) < third:
        time.sleep(0.02)
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    model = CachedEncoder(Trivial(), cache_dir=folder)
    texts = texts_of(count)
    np.testing.assert_array_equal(Trivial().encode_texts(texts), model.encode_list(texts))
    return float(encoded.value + model.encoded_texts) / count


def two_at_once(folder: Path, count: int) -> float:
    """Return how often a text is encoded, on average, by two processes at once and a third afterwards."""
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Event()
    counts = [spawn.Value("q", 0) for _ in range(2)]
    processes = [spawn.Process(target=encode_all, args=(folder, count, number, start)) for number in counts]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        _result.fail("a process that shared the cache failed")
    third = CachedEncoder(Trivial(), cache_dir=folder)
    texts = texts_of(count)
    np.testing.assert_array_equal(Trivial().encode_texts(texts), third.encode_list(texts))
    if third.encoded_texts:
        _result.fail(f"{third.encoded_texts} texts were encoded again")
    return float(sum(number.value for number in counts)) / count


def encode_all(folder: Path, count: int, encoded: Any, start: Event | None = None) -> None:
    """Encode all texts, once told to where there is something to wait for; count them in `encoded`."""
    model = CachedEncoder(Slow(encoded), cache_dir=folder)
    texts = texts_of(count)
    if start is not None:
        start.wait()
    model.encode_list(texts)


def timed(model: Any, texts: list[str]) -> tuple[Cost, Any]:
    """Return the cost and the vectors of one pass over the texts, as documents of a retrieval task."""
    dataset = Dataset.from_dict({"id": [str(number) for number in range(len(texts))], "text": texts})
    loader = create_dataloader(dataset, task_metadata=PlainTask.metadata, prompt_type=PromptType.document)
    vectors, cost = _cost.of(
        lambda: model.encode(
            loader,
            task_metadata=PlainTask.metadata,
            hf_split="test",
            hf_subset="default",
            prompt_type=PromptType.document,
        )
    )
    return cost, np.asarray(vectors)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the number of texts."""
    parser.add_argument("--texts", type=int, help=f"how many; {_TEXTS:,} by default")


if __name__ == "__main__":
    packages = ("mteb", "numpy", "datasets")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
