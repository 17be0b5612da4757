"""Search with an encoder: mteb's scores in blocks, each reduced to ranks immediately.

Inputs of the encoder, chunks of the corpus and the similarity are mteb's, so scores are equal to the last bit. Only a
block of the score matrix is in memory at a time, instead of a dictionary entry per document.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tcmbench.encoders.runtime.loaders import text_loader
from tcmbench.errors import EvaluationError
from tcmbench.ranking import index_search
from tcmbench.ranking.outcome import Collector, Judgements, NoParity, Ranked
from tcmbench.ranking.topk import TopK, merge, row_blocks, settle_ties, top_k
from tcmbench.task_types.scoring import CORPUS_CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import torch
    from datasets import Dataset
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import EncoderProtocol
    from mteb.timing import TimingStack
    from mteb.types import Array, PromptType

    from tcmbench.ranking.index_options import IndexOptions
    from tcmbench.ranking.index_search import IndexSearch
    from tcmbench.ranking.topk import Floats

_BLOCK_BYTES = 64 << 20
_SORT_ROWS = 512


@dataclass(frozen=True, slots=True)
class Split:
    """Queries and corpus of a search, and mteb's arguments to the encoder."""

    queries: Dataset
    corpus: Dataset
    top_k: int
    task_metadata: TaskMetadata
    split: str
    subset: str
    encode_kwargs: Mapping[str, Any]
    num_proc: int | None
    timer: TimingStack


class _Prepared(NamedTuple):
    """Query embeddings, and functions that prepare documents and score them."""

    queries: Any
    score: Callable[[Any, Any], Floats]
    documents: Callable[[Array], Any]
    blocked: bool


def search_corpus(model: EncoderProtocol, split: Split, *, judged: Judgements) -> Ranked:
    """Return the whole corpus ranked for every query.

    Raises:
        NoParity: The scores are not a matrix, or not numbers.
    """
    prepared = _prepare(model, _encode_queries(model, split), as_tensors=False)
    count = len(split.corpus)
    width = min(split.top_k, count)
    collector = Collector(judged, width=width)
    rows = judged.relevant.queries
    best: TopK | None = None
    with split.timer("Searching corpus", split=split.split, subset=split.subset):
        for start in range(0, count, CORPUS_CHUNK):
            stop = min(start + CORPUS_CHUNK, count)
            documents = prepared.documents(encode_documents(model, split, start=start, stop=stop))
            order = judged.order[start:stop]
            for block, scores in _score_blocks(prepared, documents, rows=rows, columns=stop - start):
                top = top_k(scores, k=split.top_k, order=order)
                top.documents[:] += np.int32(start)
                if best is not None:
                    kept = min(start, split.top_k)
                    before = TopK(best.scores[block, :kept], best.documents[block, :kept])
                    top = merge(before, top, k=split.top_k, order=judged.order)
                if stop == count:
                    collector.add(np.arange(block.start, block.stop), top)
                    continue
                best = best or _empty(rows, width, dtype=top.scores.dtype)
                best.scores[block, : top.scores.shape[1]] = top.scores
                best.documents[block, : top.documents.shape[1]] = top.documents
            del documents
    return collector.ranked()


def search_index(model: EncoderProtocol, split: Split, *, judged: Judgements, options: IndexOptions) -> IndexSearch:
    """Return the corpus ranked through a FAISS index.

    Raises:
        EvaluationError: The model compares vectors by something else than mteb's cosine or dot product.
    """
    from mteb.models.model_meta import ScoringFunction

    similarity = _plain_similarity(model)
    if similarity is None:
        raise EvaluationError(
            f"{model.mteb_model_meta.name}: a search index needs mteb's cosine or dot product, and this model has a "
            "similarity of its own. Remove the option `index` from the task, which then is searched exactly."
        )

    def vectors(embeddings: Array) -> np.ndarray[Any, np.dtype[np.float32]]:
        import torch

        tensor = torch.as_tensor(embeddings).detach().cpu().to(torch.float32)
        if similarity is ScoringFunction.COSINE:
            tensor = torch.nn.functional.normalize(tensor, p=2, dim=1)
        array: np.ndarray[Any, np.dtype[np.float32]] = tensor.numpy()
        return array

    queries = vectors(_encode_queries(model, split))
    count = len(split.corpus)
    chunks = (
        vectors(encode_documents(model, split, start=start, stop=min(start + CORPUS_CHUNK, count)))
        for start in range(0, count, CORPUS_CHUNK)
    )
    with split.timer("Searching corpus", split=split.split, subset=split.subset):
        return index_search.search(queries, chunks, judged=judged, k=split.top_k, options=options)


def rerank(
    model: EncoderProtocol,
    split: Split,
    *,
    judged: Judgements,
    candidates: Mapping[str, Sequence[str]],
    document_numbers: Mapping[str, int],
) -> Ranked:
    """Return the candidates of every query ranked; a query without candidates retrieves nothing.

    Raises:
        NoParity: A candidate is not in the corpus or listed twice, or the scores are not numbers.
    """
    pools = [_pool(query_id, candidates.get(query_id, ()), document_numbers) for query_id in judged.query_ids.tolist()]
    prepared = _prepare(model, _encode_queries(model, split), as_tensors=True)
    collector = Collector(judged, width=min(split.top_k, max(map(len, pools), default=0)))
    with split.timer("Encoding corpus", split=split.split, subset=split.subset):
        embeddings = encode_documents(model, split, start=0, stop=len(split.corpus))
    documents = prepared.documents(embeddings)
    with split.timer("Computing similarity", split=split.split, subset=split.subset):
        by_size: dict[int, list[int]] = defaultdict(list)
        for row, pool in enumerate(pools):
            by_size[len(pool)].append(row)
        for size, members in sorted(by_size.items()):
            for start in range(0, len(members), _SORT_ROWS if size else len(members)):
                rows = np.array(members[start : start + _SORT_ROWS] if size else members)
                top = _rank_pools(prepared, documents, [pools[row] for row in rows], rows=rows, split=split)
                settle_ties(top.scores, top.documents, order=judged.order)
                collector.add(rows, top)
    return collector.ranked()


def encode_documents(model: EncoderProtocol, split: Split, *, start: int, stop: int) -> Array:
    """Return the embeddings of some documents."""
    from mteb.types import PromptType

    whole = start == 0 and stop == len(split.corpus)
    loader = text_loader(
        split.corpus if whole else split.corpus.select(range(start, stop)),
        task_metadata=split.task_metadata,
        prompt_type=PromptType.document,
        num_proc=split.num_proc,
        options={"batch_size": split.encode_kwargs.get("batch_size", 32)},
    )
    return _encode(model, loader, split, prompt_type=PromptType.document)


def _pool(query_id: str, ids: Sequence[str], numbers: Mapping[str, int]) -> np.ndarray[Any, Any]:
    """Return the numbers of a query's candidates."""
    if len(set(ids)) != len(ids):
        raise NoParity(f"a candidate of query {query_id!r} that is listed twice")
    missing = next((doc_id for doc_id in ids if doc_id not in numbers), None)
    if missing is not None:
        raise NoParity(f"candidate {missing!r} of query {query_id!r}, which is not in the corpus")
    return np.array([numbers[doc_id] for doc_id in ids], dtype=np.int32)


def _rank_pools(
    prepared: _Prepared, documents: Any, pools: list[np.ndarray[Any, Any]], *, rows: Any, split: Split
) -> TopK:
    """Return pools of one size ranked by score."""
    if not pools[0].size:
        return TopK(np.zeros((len(pools), 0), dtype=np.float32), np.zeros((len(pools), 0), dtype=np.int32))
    # One query at a time, as mteb does: a product of one row rounds differently from a larger one.
    index = np.stack(pools)
    scores = np.concatenate(
        [
            prepared.score(prepared.queries[row : row + 1], documents[pool])
            for row, pool in zip(rows.tolist(), pools, strict=True)
        ]
    )
    if index.shape[1] > split.top_k:
        import torch

        picked = torch.topk(torch.from_numpy(scores), split.top_k, dim=1).indices.numpy()
        index = np.take_along_axis(index, picked, axis=1)
        scores = np.take_along_axis(scores, picked, axis=1)
    by_score = np.argsort(scores, axis=1)[:, ::-1]
    return TopK(np.take_along_axis(scores, by_score, axis=1), np.take_along_axis(index, by_score, axis=1))


def _empty(rows: int, width: int, *, dtype: np.dtype[Any]) -> TopK:
    """Return empty arrays for the best documents of all queries."""
    return TopK(np.empty((rows, width), dtype=dtype), np.empty((rows, width), dtype=np.int32))


def _score_blocks(prepared: _Prepared, documents: Any, *, rows: int, columns: int) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of queries with their scores against a chunk of documents."""
    size = max(_BLOCK_BYTES // (4 * columns), 64) if prepared.blocked else rows
    for outer in row_blocks(rows, size=size):
        scores = prepared.score(prepared.queries[outer], documents)
        if scores.shape != (outer.stop - outer.start, columns):
            raise NoParity(f"scores of shape {scores.shape}")
        # Sorting makes index arrays eight times the size of the scores, hence smaller steps.
        for start in range(0, len(scores), _SORT_ROWS):
            part = scores[start : start + _SORT_ROWS]
            yield slice(outer.start + start, outer.start + start + len(part)), part


def _prepare(model: EncoderProtocol, queries: Array, *, as_tensors: bool) -> _Prepared:
    """Return how to score with the model's similarity; in blocks of queries where that gives the same bits.

    Args:
        model: The encoder.
        queries: Query embeddings.
        as_tensors: Whether mteb converts arrays to tensors before scoring (only then is double precision kept).

    Raises:
        NoParity: The embeddings are not one dense vector per text.
    """
    import torch
    from mteb.models.model_meta import ScoringFunction
    from mteb.similarity_functions import _convert_to_tensor

    def given(embeddings: Array) -> Any:
        dense = isinstance(embeddings, np.ndarray) or (
            isinstance(embeddings, torch.Tensor) and embeddings.layout is torch.strided
        )
        if not dense or embeddings.ndim != 2:
            raise NoParity("embeddings that are not one vector per text")
        return torch.as_tensor(embeddings) if as_tensors else embeddings

    def unit(embeddings: Array) -> torch.Tensor:
        tensor: torch.Tensor = _convert_to_tensor(given(embeddings))
        cosine = known is ScoringFunction.COSINE
        return torch.nn.functional.normalize(tensor, p=2, dim=1) if cosine else tensor

    known = _plain_similarity(model)
    # On an accelerator kernels depend on shapes, so the shapes must be mteb's.
    if known is None or torch.cuda.is_available() or torch.backends.mps.is_available():
        return _Prepared(
            given(queries),
            lambda some, documents: _as_numpy(torch.as_tensor(model.similarity(some, documents))),
            given,
            blocked=False,
        )
    return _Prepared(
        unit(queries), lambda some, documents: _as_numpy(some @ documents.transpose(0, 1)), unit, blocked=True
    )


def _plain_similarity(model: EncoderProtocol) -> Any:
    """Return the model's similarity where it is mteb's own cosine or dot product, else None."""
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ScoringFunction

    if getattr(type(model), "similarity", None) is not AbsEncoder.similarity or "similarity" in vars(model):
        return None
    name = getattr(model.mteb_model_meta, "similarity_fn_name", None)
    return name if name in (ScoringFunction.COSINE, ScoringFunction.DOT_PRODUCT) else None


def _as_numpy(scores: torch.Tensor) -> Floats:
    """Return scores as an array of single or double precision."""
    import torch

    if scores.dtype not in (torch.float32, torch.float64):
        # The values of a half are exact in single precision; integers fit a double.
        scores = scores.to(torch.float32 if scores.is_floating_point() else torch.float64)
    array: Floats = scores.detach().cpu().numpy()
    return array


def _encode_queries(model: EncoderProtocol, split: Split) -> Array:
    """Return the query embeddings."""
    from mteb.types import PromptType

    loader = text_loader(
        split.queries,
        task_metadata=split.task_metadata,
        prompt_type=PromptType.query,
        num_proc=split.num_proc,
        options=dict(split.encode_kwargs),
    )
    with split.timer("Encoding queries", split=split.split, subset=split.subset):
        return _encode(model, loader, split, prompt_type=PromptType.query)


def _encode(model: EncoderProtocol, loader: Any, split: Split, *, prompt_type: PromptType) -> Array:
    """Return the embeddings of what a loader yields."""
    return model.encode(
        loader,
        task_metadata=split.task_metadata,
        hf_split=split.split,
        hf_subset=split.subset,
        prompt_type=prompt_type,
        **split.encode_kwargs,
    )
