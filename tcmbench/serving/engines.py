"""A loaded model as a function of the items of a batch: the code, prompts, cutting and normalisation of evaluation."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench import models
from tcmbench.encoders.cross_encoder import Reranker
from tcmbench.encoders.runtime.batches import CPU_TOKENS
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.encoders.runtime.changed_vectors import MappedQueries, MovedDocuments
from tcmbench.encoders.runtime.composed import Composed
from tcmbench.encoders.runtime.soundness import check_vectors
from tcmbench.encoders.sentence_transformers import SentenceTransformersEncoder
from tcmbench.errors import SpecError
from tcmbench.serving.batching import Answers
from tcmbench.serving.grouping import groups, measured_call
from tcmbench.serving.input_types import InputType, TypedText

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from tcmbench.records.model import Model

_TASKS = {
    InputType.QUERY: (SimpleNamespace(type="Retrieval"), "query"),
    InputType.DOCUMENT: (SimpleNamespace(type="Retrieval"), "document"),
    InputType.TEXT: (SimpleNamespace(type="STS"), None),
}
"""Type of a text → what encoders are given of a task with such texts."""


class QueryAndDocument(NamedTuple):
    """A pair to be scored."""

    query: str

    document: str


class _Texts(list[dict[str, list[str]]]):
    """Texts as encoders read them from mteb: one batch."""

    dataset = None

    def __init__(self, texts: list[str]) -> None:
        super().__init__([{"text": texts}])


class VectorEngine:
    """Vectors of texts by an embedding model."""

    def __init__(self, encoder: CachedEncoder | Composed) -> None:
        self._encoder = encoder
        self._dense: Any = encoder.model
        self.needs_type = not isinstance(encoder, CachedEncoder)
        """Whether its vectors differ by type beyond the prompt, so that a complete text doesn't say enough."""
        self.dtype = str(self._dense.dtype)
        self.batch_tokens = int(getattr(self._dense, "batch_tokens", CPU_TOKENS))
        self.call_tokens = math.inf
        self.dimensions = self([TypedText(InputType.TEXT, "虚")]).values.shape[1]
        self.measure_call()

    @property
    def module(self) -> torch.nn.Module | None:
        """What computes its vectors; None where that isn't torch in this process."""
        # Its subclasses compute in another runtime.
        return self._dense.model if type(self._dense) is SentenceTransformersEncoder else None

    @property
    def tables(self) -> list[object]:
        """What is read beside the module: matrices, vectors of documents and their places."""
        tables: list[object] = []
        part: Any = self._encoder
        while isinstance(part, Composed):
            tables += [value for value in vars(part).values() if isinstance(value, np.ndarray | dict)]
            part = part.dense
        return tables

    def measure_call(self) -> None:
        """Measure how many tokens cost as much as a call, with torch's present number of threads."""
        self.call_tokens = math.inf
        self.call_tokens = measured_call(lambda text: int(self([TypedText(InputType.TEXT, text)]).tokens[0]))

    def prompt(self, kind: InputType) -> str:
        """Return the prompt of a type of text."""
        return "" if kind is InputType.NONE else str(self._dense.prompt_for(*_TASKS[kind]))

    def __call__(self, items: Sequence[TypedText]) -> Answers:
        """Return one vector per text, float32, (texts, dimensions)."""
        texts = [self.prompt(item.type) + item.text for item in items]
        tokens = np.array(self._dense.token_lengths(texts), dtype=np.int64)
        if not isinstance(self._encoder, CachedEncoder):
            return Answers(self._by_type(items), tokens)
        order = np.argsort(-tokens, kind="stable")
        arranged, lengths = [texts[place] for place in order], tokens[order]
        parts = [
            self._encoder.encode_sorted(arranged[group], lengths[group])
            for group in groups(lengths, call_tokens=self.call_tokens)
        ]
        vectors = np.concatenate(parts)[np.argsort(order)]
        check_vectors(
            vectors,
            texts,
            name=str(self._encoder.mteb_model_meta.name),
            may_be_zero=self._encoder.zero_means_unknown,
        )
        return Answers(vectors, tokens)

    def _by_type(self, items: Sequence[TypedText]) -> NDArray[np.float32]:
        """Return vectors of a model that changes those of queries or documents."""
        parts: dict[InputType, list[int]] = {}
        for place, item in enumerate(items):
            parts.setdefault(item.type, []).append(place)
        rows: dict[int, NDArray[np.float32]] = {}
        for kind, places in parts.items():
            task, prompt_type = _TASKS[kind]
            loader: Any = _Texts([items[place].text for place in places])
            vectors = self._encoder.encode(
                loader, task_metadata=task, hf_split="", hf_subset="", prompt_type=prompt_type
            )
            rows |= dict(zip(places, vectors, strict=True))
        return np.stack([rows[place] for place in range(len(items))])


class PairEngine:
    """Scores of pairs by a reranker."""

    def __init__(self, model: Any, *, dtype: str) -> None:
        self._model = model
        self.dtype = dtype
        self.batch_tokens = int(model._batches.budget)
        self.measure_call()

    @property
    def module(self) -> torch.nn.Module | None:
        """What computes its scores; None where that isn't torch in this process."""
        return self._model.model if type(self._model) is Reranker else None

    @property
    def tables(self) -> list[object]:
        """What is read beside the module: nothing."""
        return []

    def measure_call(self) -> None:
        """Measure how many tokens cost as much as a call, with torch's present number of threads."""
        self.call_tokens = math.inf
        self.call_tokens = measured_call(lambda text: int(self([QueryAndDocument("虚", text)]).tokens[0]))

    def __call__(self, items: Sequence[QueryAndDocument]) -> Answers:
        """Return one logit per pair, float32, (pairs,)."""
        tokens = np.asarray(self._model.token_lengths(items), dtype=np.int64)
        order = np.argsort(-tokens, kind="stable")
        scores = np.empty(len(items), dtype=np.float32)
        for group in groups(tokens[order], call_tokens=self.call_tokens):
            places = order[group]
            queries, documents = ([items[place][side] for place in places] for side in (0, 1))
            scores[places] = self._model.predict([{"text": queries}], [{"text": documents}])
        return Answers(scores, tokens)


def load(model: Model, *, device: str | None = None) -> VectorEngine | PairEngine:
    """Return the loaded model; vectors of served texts are not stored.

    Raises:
        SpecError: It has neither vectors of single texts nor scores of pairs, or is behind a server already.
        TcmbenchError: It can't be loaded.
    """
    base = model.base
    if base.weights == "server":
        raise SpecError(f"{model.name}: its weights are behind a server, which answers for itself. Name that address.")
    if base.kind == "reranker":
        return PairEngine(models.load(model, cache=None, device=device), dtype=base.dtype)
    if "texts" in base.abilities:
        loaded: Any = models.load(model, cache=None, device=device)
        if isinstance(loaded, CachedEncoder | MappedQueries | MovedDocuments):
            return VectorEngine(loaded)
    raise SpecError(
        f"{model.name}: its scores depend on all documents of a collection (encoder {base.encoder}), so there is no "
        "vector or score to answer with. Serve the model that it is made from, and search as docs/cures.md and "
        "docs/forms.md describe."
    )
