"""How many tokens a second does evaluation encode, and how much of them is padding? Against sentence-transformers.

    python -m benchmarks.encode [--texts 800] [--pairs 320] [--base mini-zh] [--reranker mini-zh-reranker]

Texts of generated records, as long as clinical records are (log-normal, median 300 characters, cut at 1,024).
Encoder: `SentenceTransformer.encode`, 32 per batch, as mteb calls it (it sorts by characters itself), against
tcmbench's batches (sorted by tokens, a budget of tokens per batch). Reranker: mteb's `CrossEncoderWrapper`, 32 pairs
per batch in the order of the task, against tcmbench's, which computes a query once for all its candidates. Vectors and
scores must be the same to rounding.

The encoder is measured in bfloat16 too (`dtype` of a base), against sentence-transformers in the base's own precision.
Only processors with AVX512-BF16 or AMX compute it faster (`tcmbench doctor`); others emulate it.

Padding is counted at the transformer's input. On a GPU times are wall times, on a CPU
processor times of one thread. Both sides encode a few texts first; each runs in its own process.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _cost, _result
from benchmarks._result import Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks._cost import Cost
    from tcmbench.specs.base import Dtype

_TEXTS, _PAIRS, _POOL = 800, 320, 40
_QUICK_TEXTS, _QUICK_PAIRS = 60, 80
_TOLERANCE = {"float32": 1e-4, "bfloat16": 0.03, "float16": 0.01}


class Encoded(NamedTuple):
    """Costs of one side."""

    cost: Cost
    numbers: NDArray[np.float32]
    """Vectors or scores."""
    tokens: int
    padded: int
    on_gpu: bool
    dtype: str

    @property
    def seconds(self) -> float:
        """Wall time on a GPU, processor time on a CPU."""
        return self.cost.wall if self.on_gpu else self.cost.cpu


@dataclass
class Counter:
    """Counts the tokens of a transformer's input."""

    tokens: int = 0
    padded: int = 0

    def __call__(self, module: object, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Count one batch; of inputs that continue from a cache their own tokens."""
        del module
        given = {**named, **(inputs[0] if inputs else {})}
        ids, mask = given["input_ids"], given.get("attention_mask")
        self.tokens += ids.numel() if mask is None else int(mask[:, -ids.shape[1] :].sum())
        self.padded += ids.numel()


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Yield speed and padding of the encoder and of the reranker."""
    texts = given.texts or (_QUICK_TEXTS if given.quick else _TEXTS)
    pairs = given.pairs or (_QUICK_PAIRS if given.quick else _PAIRS)
    yield from compared(encode_ours, encode_theirs, given.base, texts, "SentenceTransformer.encode", "texts", 1.05)
    yield from compared_half(given.base, texts)
    rival = "mteb's CrossEncoderWrapper"
    yield from compared(rerank_ours, rerank_theirs, given.reranker, pairs, rival, "pairs", 1.03)


def compared(
    ours: Any, theirs: Any, base: str, count: int, rival_name: str, what: str, most_padding: float
) -> Iterator[Row]:
    """Yield speed and padding of both sides."""
    import numpy as np

    own: Encoded = _cost.apart(ours, base, count)
    rival: Encoded = _cost.apart(theirs, base, count)
    apart = float(np.abs(own.numbers - rival.numbers).max())
    if apart > _TOLERANCE[own.dtype]:
        _result.fail(f"{base}: the two sides differ by {apart}")
    case = f"{base}: {count:,} {what}, {rival.tokens:,} tokens"
    yield Row(
        case=case,
        unit="wall s" if own.on_gpu else "processor s",
        ours=own.seconds,
        rival=rival.seconds,
        rival_name=rival_name,
        mib=own.cost.mib,
        rival_mib=rival.cost.mib,
        least_ratio=1.0,
        note=f"{base}: {rival.tokens / own.seconds:,.0f} tokens a second against "
        f"{rival.tokens / rival.seconds:,.0f}; the largest difference between the two sides' numbers is {apart:.1e}.",
    )
    yield Row(
        case=case,
        unit="tokens computed per token",
        ours=own.padded / rival.tokens,
        rival=rival.padded / rival.tokens,
        rival_name=rival_name,
        most=most_padding,
    )


def compared_half(base: str, count: int) -> Iterator[Row]:
    """Yield the speed in bfloat16, and how far its vectors are from those in the base's own precision."""
    own: Encoded = _cost.apart(encode_half, base, count)
    rival: Encoded = _cost.apart(encode_theirs, base, count)
    if own.dtype != "bfloat16":
        _result.fail(f"{base}: expected bfloat16, it was encoded in {own.dtype}")
    cosines = (own.numbers * rival.numbers).sum(axis=1)
    yield Row(
        case=f"{base} in bfloat16: {count:,} texts, {own.tokens:,} tokens",
        unit="wall s" if own.on_gpu else "processor s",
        ours=own.seconds,
        rival=rival.seconds,
        rival_name=f"SentenceTransformer.encode in {rival.dtype}",
        mib=own.cost.mib,
        rival_mib=rival.cost.mib,
        note=f"{base} in bfloat16: {own.tokens / own.seconds:,.0f} tokens a second against "
        f"{rival.tokens / rival.seconds:,.0f}; cosine of a text's two vectors {float(cosines.min()):.5f} at least.",
    )


def encode_half(base: str, count: int) -> Encoded:
    """Encode with tcmbench in bfloat16."""
    return encode_ours(base, count, dtype="bfloat16")


def encode_ours(base: str, count: int, *, dtype: Dtype | None = None, threads: int | None = 1) -> Encoded:
    """Encode with tcmbench, in the base's precision or another."""
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder

    texts = texts_of(count)
    inner = loaded(base, dtype=dtype, threads=threads).inner
    inner.encode_texts(texts[:4])
    with tempfile.TemporaryDirectory() as folder:
        model = CachedEncoder(inner, cache_dir=Path(folder))
        return counted(inner.model, lambda: model.encode_list(texts))


def encode_theirs(base: str, count: int, *, threads: int | None = 1) -> Encoded:
    """Encode with sentence-transformers alone."""
    texts = texts_of(count)
    model = loaded(base, threads=threads).inner.model
    model.encode(texts[:4], prompt="", show_progress_bar=False)
    return counted(model, lambda: model.encode(texts, batch_size=32, prompt="", show_progress_bar=False))


def rerank_ours(base: str, count: int) -> Encoded:
    """Score pairs with tcmbench."""
    from mteb._create_dataloaders import create_dataloader

    model = loaded(base)
    loaders = pair_loaders(count, create_dataloader)
    model.model.predict([("头痛", "发热")], prompt=model._instruction, show_progress_bar=False)
    return counted(model.model, lambda: model.predict(*loaders))


def rerank_theirs(base: str, count: int) -> Encoded:
    """Score pairs with mteb's wrapper around the same model."""
    from mteb._create_dataloaders import create_dataloader
    from mteb.models.sentence_transformer_wrapper import CrossEncoderWrapper
    from torch.nn import Identity

    from tests.fakes import PlainTask

    model = loaded(base)
    wrapper = CrossEncoderWrapper(model.model)
    loaders = pair_loaders(count, create_dataloader)
    metadata = PlainTask.metadata
    instruction = model._instruction
    # Logits, as evaluation takes them: the wrapper passes no activation, and by default a sigmoid is applied.
    model.model.activation_fn = Identity()
    model.model.predict([("头痛", "发热")], prompt=instruction, show_progress_bar=False)
    return counted(
        model.model,
        lambda: wrapper.predict(
            *loaders,
            task_metadata=metadata,
            hf_split="test",
            hf_subset="default",
            prompt=instruction,
            batch_size=32,
            show_progress_bar=False,
        ),
    )


def counted(model: Any, work: Any) -> Encoded:
    """Return the result and costs of a function, with the tokens that reach the model's transformer."""
    import numpy as np

    counter = Counter()
    # sentence-transformers calls the network's `forward`, past its hooks; what continues from a cache doesn't.
    hooks = [part.register_forward_pre_hook(counter, with_kwargs=True) for part in (model[0], model[0].auto_model)]
    found, cost = _cost.of(work)
    for hook in hooks:
        hook.remove()
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    on_gpu = str(model.device).startswith("cuda")
    return Encoded(cost, np.asarray(found, dtype=np.float32), counter.tokens, counter.padded, on_gpu, dtype)


def loaded(base: str, *, dtype: Dtype | None = None, threads: int | None = 1) -> Any:
    """Return a base as evaluation loads it, in its own precision or another; None leaves torch's number of threads."""
    import torch

    from tcmbench import models
    from tcmbench.workspace import bundled_content, find

    if threads is not None:
        torch.set_num_threads(threads)
    model = models.base_model(find(bundled_content()), base)
    if dtype is not None:
        model = replace(model, base=model.base.model_copy(update={"dtype": dtype}))
    return models.load(model, cache=Path(tempfile.gettempdir()) / "unused")


def pair_loaders(count: int, create_dataloader: Any) -> list[Any]:
    """Return queries and documents as mteb passes them: all candidates of a query, then those of the next."""
    from datasets import Dataset

    texts = texts_of(count // _POOL + count)
    queries, documents = texts[: count // _POOL], texts[count // _POOL :]
    columns = [queries[row // _POOL] for row in range(len(queries) * _POOL)], documents[: len(queries) * _POOL]
    from tests.fakes import PlainTask

    return [
        create_dataloader(
            Dataset.from_dict({"id": [str(n) for n in range(len(column))], "text": column}),
            task_metadata=PlainTask.metadata,
            input_column="text",
            batch_size=32,
        )
        for column in columns
    ]


@lru_cache(maxsize=1)
def texts_of(count: int) -> list[str]:
    """Return texts cut out of generated records, as long as clinical records are."""
    import numpy as np

    from tcmbench.data import tcm_sd
    from tcmbench.data.synthetic import write_tcm_sd

    lengths = np.random.default_rng(3).lognormal(np.log(300), 0.6, count).clip(8, 1024).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        write_tcm_sd(Path(folder), records=max(6 * count, 400), seed=1)
        train = tcm_sd.read_folder(Path(folder), splits=("train",)).splits["train"]
    text = "".join(record.query() for record in train)
    ends = np.cumsum(lengths)
    if ends[-1] > len(text):
        _result.fail(f"{ends[-1]} characters are needed, the generated records have {len(text)}")
    return [text[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]


def options(parser: argparse.ArgumentParser) -> None:
    """Add sizes and bases."""
    parser.add_argument("--texts", type=int, help=f"texts to encode; {_TEXTS:,} by default")
    parser.add_argument("--pairs", type=int, help=f"pairs to score; {_PAIRS:,} by default")
    parser.add_argument("--base", default="mini-zh", help="an embedding base whose weights are here")
    parser.add_argument("--reranker", default="mini-zh-reranker", help="a reranker whose weights are here")


if __name__ == "__main__":
    packages = ("sentence-transformers", "transformers", "torch", "mteb", "numpy")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
