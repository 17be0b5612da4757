"""The encoder for mteb: all texts of a set in one call, longest first, each encoded once.

mteb passes texts in the order of the task, in batches of a fixed number, and again for every task. Here repeated and
cached texts of the whole set are skipped, and the rest is encoded in batches of texts of similar length up to a budget
of tokens: with hardly any padding, and the largest batch first, where a lack of memory shows immediately.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from mteb.models.abs_encoder import AbsEncoder

from tcmbench.encoders.runtime.batches import FREE_TOKENS, Batches, Counted
from tcmbench.encoders.runtime.embedding_cache import Space, digest
from tcmbench.encoders.runtime.loaders import texts_of
from tcmbench.encoders.runtime.served import Endpoint
from tcmbench.encoders.runtime.soundness import check_vectors, sound
from tcmbench.encoders.runtime.unstored import Unstored
from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import BatchedInput, PromptType
    from numpy.typing import NDArray
    from torch.utils.data import DataLoader

    from tcmbench.encoders.runtime.canaries import Watch
    from tcmbench.encoders.runtime.text_encoder import TextEncoder

_SAVED_TOKENS = 1 << 18
_SAVED_TEXTS = 4096
_WATCHED_TEXTS = 1024
"""Texts of a model behind a server between two looks at its canaries."""
_CLAIM_SECONDS = 600.0


class CachedEncoder(Counted, AbsEncoder):
    """A `TextEncoder` as mteb's encoder, with vectors cached on disk."""

    def __init__(self, inner: TextEncoder, *, cache_dir: Path | None) -> None:
        """Wrap an encoder.

        Args:
            inner: The encoder.
            cache_dir: Folder of the embedding cache; None: vectors are neither read nor stored.
        """
        self.inner = inner
        self.model = inner
        self.mteb_model_meta = inner.mteb_model_meta
        self._name = str(inner.mteb_model_meta.name).removeprefix("tcmbench/")
        self._watch: Watch | None = getattr(inner, "watch", None)
        self.zero_means_unknown = bool(getattr(inner, "zero_means_unknown", False))
        self._batches = Batches(
            int(getattr(inner, "batch_tokens", FREE_TOKENS)), are_padded=bool(getattr(inner, "are_padded", True))
        )
        self.space = Unstored() if cache_dir is None else _space(inner, cache_dir)

    def encode(
        self,
        inputs: DataLoader[BatchedInput],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,  # noqa: ARG002
        hf_subset: str,  # noqa: ARG002
        prompt_type: PromptType | None = None,
        **_: Any,
    ) -> NDArray[np.float32]:
        """Return one vector per text, in the order of the loader, float32."""
        prompt = self.inner.prompt_for(task_metadata, prompt_type)
        texts = texts_of(inputs)
        return self.encode_list([prompt + text for text in texts] if prompt else texts)

    def confirm(self) -> None:
        """Check that a model behind a server is still the one whose vectors these are.

        Raises:
            EvaluationError: Its canaries have changed.
        """
        if self._watch is not None:
            self._watch.confirm()

    def encode_list(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, in order; prompts are part of the texts.

        Raises:
            EvaluationError: Vectors with NaN or infinity, or all zeros; none of these is cached.
        """
        places: dict[str, int] = {}
        inverse = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int64)
        unique = list(places)
        digests = [digest(text) for text in unique]
        self.space.refresh()
        present, vectors = self.space.get(digests)
        missing = np.flatnonzero(~present)
        if missing.size == 0:
            self._check(vectors, unique)
            return vectors[inverse] if len(unique) != len(texts) else vectors
        result: NDArray[np.float32] | None = None
        for rows, encoded in self._encode_missing(unique, digests, missing):
            if result is None:
                result = np.empty((len(unique), encoded.shape[1]), dtype=np.float32)
                if vectors.size:
                    result[present] = vectors
                del vectors
                vectors = np.zeros((0, 0), dtype=np.float32)
            result[rows] = encoded
        if result is None:
            raise EvaluationError(f"{self._name}: got no vectors for {len(unique)} texts.")
        self._check(result, unique)
        return result[inverse] if len(unique) != len(texts) else result

    def _encode_missing(
        self, texts: list[str], digests: list[bytes], missing: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Encode texts, longest first, and cache them chunk by chunk; yield their positions and vectors."""
        if self._watch is not None:
            self._watch.begin()
        lengths = np.array(self.inner.token_lengths([texts[row] for row in missing]), dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        rows, lengths = missing[order], lengths[order]
        self._batches.begin(lengths)
        most = _SAVED_TEXTS if self._watch is None else _WATCHED_TEXTS
        waiting = deque((chunk, False) for chunk in _chunks(lengths, most=most))
        while waiting:
            chunk, is_second_look = waiting.popleft()
            first = digests[rows[chunk.start]]
            with self.space.claim(first, seconds=_CLAIM_SECONDS if is_second_look else 0.0) as mine:
                if not mine and not is_second_look:
                    # Another process is encoding this chunk; it may be done after the others.
                    waiting.append((chunk, True))
                    continue
                encoded = self._encode_rows(texts, digests, rows[chunk], lengths[chunk])
            yield from encoded

    def _encode_rows(
        self, texts: list[str], digests: list[bytes], rows: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Return the vectors of some texts, which other processes may have encoded meanwhile; cache the new ones."""
        self.space.refresh()
        present, vectors = self.space.get([digests[row] for row in rows])
        cached = [(rows[present], vectors)] if present.any() else []
        rows, lengths = rows[~present], lengths[~present]
        if not rows.size:
            return cached
        new = [texts[row] for row in rows]
        if self._watch is not None:
            self._watch.begin()
        vectors = (
            self._encode_remote(new, lengths) if isinstance(self.inner, Endpoint) else self.encode_sorted(new, lengths)
        )
        # Before they are kept: of what a killed process leaves, nobody could say later which model gave it.
        self.confirm()
        kept = sound(vectors, new, may_be_zero=self.zero_means_unknown)
        self.space.add([digests[row] for row in rows[kept]], vectors[kept])
        return [*cached, (rows, vectors)]

    def _encode_remote(self, texts: list[str], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of texts by a model behind a server, in order, whatever the order of its answers."""
        endpoint = cast("Endpoint", self.inner)
        vectors = np.empty((0, 0), dtype=np.float32)
        for part, of_part in endpoint.encode_parts(texts):
            self._batches.record(lengths[part])
            if not vectors.size:
                # A part that never came would be refused as no number.
                vectors = np.full((len(texts), of_part.shape[1]), np.nan, dtype=np.float32)
            vectors[part] = of_part
        return vectors

    def _check(self, vectors: NDArray[np.float32], texts: list[str]) -> None:
        check_vectors(vectors, texts, name=self._name, may_be_zero=self.zero_means_unknown)

    def encode_sorted(self, texts: list[str], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of texts, longest first, computed batch by batch, without the cache.

        Args:
            texts: Texts with their prompts.
            lengths: Tokens of each.

        Raises:
            EvaluationError: The encoder returned something else than one vector per text.
        """

        def compute(start: int, stop: int) -> NDArray[np.float32]:
            part = np.asarray(self.inner.encode_texts(texts[start:stop]), dtype=np.float32)
            if part.ndim != 2 or len(part) != stop - start:
                raise EvaluationError(
                    f"{self._name}: expected one vector for each of {stop - start} texts, "
                    f"got an array of shape {part.shape}."
                )
            return part

        return np.concatenate(list(self._batches.run(lengths, compute)))


def _space(inner: TextEncoder, cache_dir: Path) -> Space:
    return Space(
        cache_dir,
        model=str(inner.mteb_model_meta.name),
        revision=inner.revision,
        max_length=inner.max_length,
        dtype=inner.dtype,
        packages=getattr(inner, "computed_with", None),
    )


def _chunks(lengths: NDArray[np.int64], *, most: int) -> Iterator[slice]:
    """Yield slices of a list of lengths, of at most so many texts, each of which is cached once it is encoded."""
    start = 0
    while start < lengths.size:
        saved = int(np.searchsorted(np.cumsum(lengths[start:]), _SAVED_TOKENS, side="right"))
        stop = min(start + min(max(saved, 1), most), lengths.size)
        yield slice(start, stop)
        start = stop
