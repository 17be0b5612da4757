"""Rerankers: query and document read together, through sentence-transformers' CrossEncoder.

A decoder in the manner of Qwen3-Reranker (the logits of yes against no) and a one-label head are both loaded from
their hub layout; the chat template and the instruction come with the model's files and its base. The candidates of a
query share its forward where the architecture allows it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.encoders import ORDERS
from tcmbench.encoders.runtime import attention, full_logits, shared_prefix
from tcmbench.encoders.runtime.batches import Batches, Counted, automatic_tokens, bytes_per_token
from tcmbench.encoders.runtime.strict_weights import strict_weights
from tcmbench.encoders.runtime.vocabulary import require_vocabulary
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base

REVISION = "4"
ABILITIES = {"reranker": ORDERS}
WEIGHTS = "folder"


class Options(PluginOptions):
    """Batching of pairs."""

    batch_tokens: int | None = Field(default=None, ge=1)
    """Tokens per batch, padding included; pairs of similar length share one. None: by device and free memory."""


class Reranker(Counted):
    """A cross-encoder in mteb's interface (CrossEncoderProtocol)."""

    unit = "pairs"
    portion_tokens = math.inf
    """Tokens of the queries whose pairs are arranged by length together."""

    def __init__(self, model: Any, *, base: Base, options: Options, meta: ModelMeta) -> None:
        _require_one_label(model, base)
        self.mteb_model_meta = meta
        self.model = model
        self.max_length = base.max_length
        self._instruction = base.instruction
        self._prefix = self._shared_prefix()
        self._batches = Batches(options.batch_tokens or _tokens(model, base, keeps_cache=self._prefix is not None))

    def predict(
        self, inputs1: Iterable[dict[str, Any]], inputs2: Iterable[dict[str, Any]], **_: object
    ) -> NDArray[np.float32]:
        """Return one logit per pair, in order; a repeated pair is scored once.

        Logits, since a sigmoid in float32 is exactly 1 from about 16.6 on, which would make ties of documents that the
        model distinguishes; in float32 whatever the precision of the weights, for the same reason.
        """
        import numpy as np

        queries = [text for batch in inputs1 for text in batch["text"]]
        documents = [text for batch in inputs2 for text in batch["text"]]
        places: dict[tuple[str, str], int] = {}
        inverse = [places.setdefault(pair, len(places)) for pair in zip(queries, documents, strict=True)]
        if not places:
            return np.zeros(0, dtype=np.float32)
        pairs = list(places)
        lengths = self.token_lengths(pairs)
        self._batches.begin(lengths)
        scores = np.empty(len(pairs), dtype=np.float32)
        alone = []
        for of_query in _by_query(pairs, lengths):
            logits = self._from_prefix([pairs[place] for place in of_query], lengths[of_query])
            if logits is None:
                alone.append(of_query)
            else:
                scores[of_query] = logits
        for portion in self._portions(alone, lengths):
            order = portion[np.argsort(-lengths[portion], kind="stable")]
            scores[order] = self._one_by_one([pairs[place] for place in order], lengths[order])
        return scores[inverse]

    def _shared_prefix(self) -> shared_prefix.SharedPrefix | None:
        return shared_prefix.of(self.model, prompt=self._instruction or None)

    def _portions(self, queries: list[NDArray[np.int64]], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the places of pairs that are arranged by length together, at about `portion_tokens`."""
        import numpy as np

        ends = np.cumsum([lengths[places].sum() for places in queries])
        portions: dict[float, list[NDArray[np.int64]]] = {}
        for places, end in zip(queries, ends.tolist(), strict=True):
            portions.setdefault(end // self.portion_tokens, []).append(places)
        return [np.concatenate(some) for some in portions.values()]

    def _one_by_one(self, pairs: Sequence[tuple[str, str]], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the logits of pairs, longest first, each computed as a whole."""
        import numpy as np

        return np.concatenate(list(self._batches.run(lengths, lambda start, stop: self.logits(pairs[start:stop]))))

    def _from_prefix(self, pairs: Sequence[tuple[str, str]], lengths: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Return the logits of a query's candidates, longest first; None where nothing is gained by their prefix."""
        import numpy as np

        if self._prefix is None or len(pairs) == 1:
            return None
        prefix, candidates = self._prefix, self._prefix.read(pairs)
        if not prefix.pays(candidates):
            return None
        cache = prefix.begin(candidates)

        def compute(start: int, stop: int) -> NDArray[np.float32]:
            return prefix.logits(candidates._replace(inputs=candidates.inputs[start:stop]), cache)

        return np.concatenate(list(self._batches.run(lengths, compute, shared=candidates.shared)))

    def logits(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return one logit per pair, in order, computed as one batch."""
        import numpy as np
        from torch.nn import Identity

        logits = self.model.predict(
            list(pairs),
            prompt=self._instruction or None,
            activation_fn=Identity(),
            batch_size=len(pairs),
            show_progress_bar=False,
        )
        return np.asarray(logits, dtype=np.float32)

    def token_lengths(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
        """Return the length of each pair in tokens, including those of the template, at most `max_length`."""
        import numpy as np

        tokens = dict.fromkeys(text for pair in pairs for text in pair)
        encoded = self.model.tokenizer(list(tokens), padding=False, truncation=False, add_special_tokens=False)
        for text, ids in zip(tokens, encoded["input_ids"], strict=True):
            tokens[text] = len(ids)
        counts = np.array([(tokens[query] or 0) + (tokens[document] or 0) for query, document in pairs], dtype=np.int64)
        shortest = int(np.argmin(counts))
        features = self.model.preprocess([pairs[shortest]], prompt=self._instruction or None)
        around = max(int(features["input_ids"].shape[1]) - int(counts[shortest]), 0)
        return np.minimum(counts + around, self.max_length)


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> Reranker:
    """Return the reranker, in the base's precision; without a device on the GPU where there is one.

    Raises:
        SpecError, MissingExtra: The base's attention can't be computed.
    """
    import torch
    from sentence_transformers import CrossEncoder

    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: a reranker needs a folder of weights")
    weights = {"dtype": getattr(torch, base.dtype), "use_safetensors": True}
    weights |= attention.attention_arguments(base, device=device)
    with strict_weights(model_dir), attention.explained(base):
        model = CrossEncoder(
            str(model_dir),
            device=device,
            max_length=base.max_length,
            trust_remote_code=base.trust_remote_code,
            local_files_only=True,
            model_kwargs=weights,
        )
    require_vocabulary(model.tokenizer, model_dir)
    full_logits.compute_in_full(model)
    return Reranker(model, base=base, options=options, meta=meta)


def _by_query(pairs: Sequence[tuple[str, str]], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the places of each query's pairs, longest first; the query with the longest pair first."""
    import numpy as np

    places: dict[str, list[int]] = {}
    for place in np.argsort(-lengths, kind="stable").tolist():
        places.setdefault(pairs[place][0], []).append(place)
    return [np.array(of_query, dtype=np.int64) for of_query in places.values()]


def _tokens(model: Any, base: Base, *, keeps_cache: bool) -> int:
    """Return the tokens per batch for the model's device."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    size = 4 if base.dtype == "float32" else 2
    needed = bytes_per_token(config, bytes_per_number=size)
    if keeps_cache:
        needed += shared_prefix.cache_bytes(model, bytes_per_number=size)
    return automatic_tokens(str(model.device), bytes_per_token=needed)


def _require_one_label(model: Any, base: Base) -> None:
    labels = int(getattr(model, "num_labels", 1))
    if labels != 1:
        raise SpecError(
            f"{base.name}: expected a reranker, whose head has one label, got a classifier with {labels}. Tune it with "
            "num_labels = 1."
        )
