"""mteb's retrieval and reranking numbers on a faster path, with the scores of every query.

mteb takes nine seconds and a gigabyte to score 5,486 queries against 1,027 documents whose vectors are cached; the
matrix product is 2% of that. `FastRetrieval` overrides `_evaluate_subset` and computes the same numbers from arrays.
Where they may differ, mteb scores.

Imports mteb, which takes seconds: import this module inside functions.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from mteb.abstasks.retrieval import AbsTaskRetrieval

from tcmbench.errors import EvaluationError
from tcmbench.ranking import per_query
from tcmbench.ranking.outcome import Judgements, NoParity, RankingOutcome, judgements, outcome
from tcmbench.ranking.scored_run import rank_run
from tcmbench.ranking.topk import id_order
from tcmbench.task_types.scoring import dense_search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from datasets import Dataset
    from mteb.models import MTEBModels

    from tcmbench.ranking.index_options import IndexOptions
    from tcmbench.ranking.per_query import PerQuery


logger = logging.getLogger(__name__)


class FastRetrieval(AbsTaskRetrieval):
    """Mixin before `AbsTaskRetrieval`: same scores, faster, and per-query scores in `per_query`.

    A task adds its own metrics by overriding `query_scores`, on the fast path; overriding `task_specific_scores` works
    too, through mteb's scoring, and must call `super()`.
    """

    index_options: IndexOptions | None = None
    """Search whole corpora through a FAISS index (encoders only); its recall is in the scores and in `notes`."""

    notes: tuple[str, ...] = ()
    """Remarks on the data and the search, kept with the score."""

    @property
    def per_query(self) -> dict[tuple[str, str], PerQuery]:
        """Per-query scores of the splits evaluated last, by (subset, split)."""
        kept: dict[tuple[str, str], PerQuery] = self.__dict__.setdefault("_per_query", {})
        return kept

    def query_scores(self, per_query: PerQuery, *, split: str, subset: str) -> dict[str, float]:  # noqa: ARG002
        """Return further scores of a split; none by default."""
        return {}

    def task_specific_scores(
        self,
        scores: dict[str, dict[str, float]],
        qrels: dict[str, dict[str, int]],
        results: dict[str, dict[str, float]],
        hf_split: str,
        hf_subset: str,
    ) -> dict[str, float]:
        """Store the per-query scores that mteb computed (called by mteb; not used on the fast path)."""
        if self.skip_first_result:
            results = {
                query_id: dict(sorted(scored.items(), key=lambda item: item[1], reverse=True)[1:])
                for query_id, scored in results.items()
            }
        self.per_query[hf_subset, hf_split] = per_query.of_run(results, scores, qrels, names=_kept(self))
        own: dict[str, float] = super().task_specific_scores(scores, qrels, results, hf_split, hf_subset)
        return own

    def _evaluate_subset(
        self,
        model: MTEBModels,
        data_split: Any,
        *,
        encode_kwargs: Any,
        hf_split: str,
        hf_subset: str,
        prediction_folder: Path | None = None,
        num_proc: int | None = None,
        timer: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the scores of one split of one subset, as mteb does."""
        where = (hf_subset, hf_split)
        self.per_query.pop(where, None)
        results: dict[str, dict[str, float]] | None = None
        obstacle = _obstacle(self, prediction_folder=prediction_folder, further=bool(kwargs))
        if obstacle is None:
            split = _split(self, data_split, encode_kwargs, where=where, num_proc=num_proc, timer=timer)
            try:
                scored = _search(self, model, data_split, split)
            except NoParity as reason:
                obstacle, results = str(reason), reason.results
            else:
                self.per_query[where] = scored.per_query
                return self._finished(scored.scores, where=where)
        logger.info("%s: scored by mteb itself because of %s", self.metadata.name, obstacle)
        scores: dict[str, Any] = super()._evaluate_subset(
            model if results is None else _Replay(model, results),
            data_split,
            encode_kwargs=encode_kwargs,
            hf_split=hf_split,
            hf_subset=hf_subset,
            prediction_folder=prediction_folder,
            num_proc=num_proc,
            timer=timer,
            **kwargs,
        )
        return self._finished(scores, where=where)

    def _finished(self, scores: dict[str, Any], *, where: tuple[str, str]) -> dict[str, Any]:
        """Return the scores with those of the task, after checking them against the per-query scores."""
        subset, split = where
        if where not in self.per_query:
            raise EvaluationError(
                f"{self.metadata.name}: no per-query scores of {subset}/{split}. Its task_specific_scores must "
                "call super().task_specific_scores(…)."
            )
        per_query.check_means(self.per_query[where], scores, where=f"{self.metadata.name}, {subset}/{split}")
        return {**scores, **self.query_scores(self.per_query[where], split=split, subset=subset)}


def install(task: AbsTaskRetrieval) -> FastRetrieval:
    """Enable the fast path on an mteb task, in place, and return it.

    Raises:
        EvaluationError: The task is not a retrieval or reranking task.
    """
    if isinstance(task, FastRetrieval):
        return task
    if not isinstance(task, AbsTaskRetrieval):
        name = getattr(getattr(task, "metadata", None), "name", task)
        raise EvaluationError(
            f"{name}: expected a retrieval or reranking task, got {type(task).__name__}. Use it without `install`."
        )
    task_class: type = type(task)
    task.__class__ = _fast_class(task_class)
    fast: FastRetrieval = task
    return fast


@cache
def _fast_class(task_class: type) -> type:
    """Return a subclass of the task class with the mixin."""
    return type(task_class.__name__, (FastRetrieval, task_class), {"__module__": task_class.__module__})


class _Replay:
    """A search model that returns a stored run, so that mteb can score it without another search."""

    def __init__(self, model: MTEBModels, results: dict[str, dict[str, float]]) -> None:
        self.mteb_model_meta = model.mteb_model_meta
        self._results = results

    def index(self, corpus: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def search(self, queries: Any, **kwargs: Any) -> dict[str, dict[str, float]]:  # noqa: ARG002
        """Return the run."""
        return self._results


def _split(
    task: FastRetrieval,
    data_split: Any,
    encode_kwargs: Mapping[str, Any],
    *,
    where: tuple[str, str],
    num_proc: int | None,
    timer: Any,
) -> dense_search.Split:
    """Return the queries and corpus to search, without queries that have no judgement, as in mteb."""
    qrels = {query_id: judged for query_id, judged in data_split["relevant_docs"].items() if len(judged)}
    queries = data_split["queries"]
    ids = _ids(queries)
    rows = [row for row, query_id in enumerate(ids) if query_id in qrels]
    data_split["relevant_docs"] = qrels
    data_split["queries"] = queries if len(rows) == len(ids) else queries.select(rows)
    subset, split = where
    return dense_search.Split(
        queries=data_split["queries"],
        corpus=data_split["corpus"],
        top_k=task._top_k,
        task_metadata=task.metadata,
        split=split,
        subset=subset,
        encode_kwargs=encode_kwargs,
        num_proc=num_proc,
        timer=timer,
    )


def _ids(dataset: Dataset) -> list[str]:
    """Return the ids of a split at once; iterating over a column of datasets takes 50 µs per row."""
    ids: list[str] = dataset["id"][:]
    return ids


def _kept(task: FastRetrieval) -> tuple[str, ...]:
    """Return the metrics that are kept per query."""
    return per_query.kept_names(task.k_values, main_score=task.metadata.main_score)


def _obstacle(task: FastRetrieval, *, prediction_folder: Path | None, further: bool) -> str | None:
    """Return why a task cannot take the fast path, if so."""
    if prediction_folder is not None:
        return "predictions that are to be saved"
    if further:
        return "arguments unknown to the fast path"
    if task.skip_first_result:
        return "skip_first_result"
    if 1 not in task.k_values or any(type(k) is not int or k < 1 for k in task.k_values):
        return f"the cut-offs {tuple(task.k_values)}"
    for name in ("task_specific_scores", "_evaluate_subset"):
        if _is_custom(task, name):
            return f"its own {name}"
    return None


def _is_custom(task: FastRetrieval, method: str) -> bool:
    """Return whether a class of the task, other than this mixin and mteb's own, defines a method."""
    plain = (FastRetrieval, AbsTaskRetrieval)
    first = next(c for c in type(task).__mro__ if method in vars(c) and c is not FastRetrieval)
    return method in vars(task) or first not in plain


def _search(task: FastRetrieval, model: MTEBModels, data_split: Any, split: dense_search.Split) -> RankingOutcome:
    """Return the scores of a split.

    Raises:
        NoParity: mteb has to score it; the error holds the run where there is one.
    """
    document_ids = _ids(split.corpus)
    query_ids = _ids(split.queries)
    numbers = {doc_id: number for number, doc_id in enumerate(document_ids)}
    if not query_ids or not document_ids:
        raise NoParity("an empty split")
    if len(numbers) < len(document_ids) or len(set(query_ids)) < len(query_ids):
        raise NoParity("ids that occur twice")
    if not all(isinstance(name, str) for name in (*document_ids, *query_ids)):
        raise NoParity("ids that are not strings")
    qrels = data_split["relevant_docs"]
    order = id_order(document_ids)

    def judge(ids: Sequence[str]) -> Judgements:
        return judgements(ids, numbers, qrels, order=order, ignore_identical=task.ignore_identical_ids)

    recall: dict[str, float] = {}
    if _is_plain_encoder(model):
        judged = judge(query_ids)
        if data_split["top_ranked"] is None and task.index_options is not None:
            ranked, recall = dense_search.search_index(model, split, judged=judged, options=task.index_options)
            task.notes = (*task.notes, _recall_note(task.index_options, recall))
        elif data_split["top_ranked"] is None:
            ranked = dense_search.search_corpus(model, split, judged=judged)
        else:
            candidates = data_split["top_ranked"]
            ranked = dense_search.rerank(model, split, judged=judged, candidates=candidates, document_numbers=numbers)
    else:
        results = _run(model, split, top_ranked=data_split["top_ranked"])
        recall = dict(getattr(model, "search_facts", {}))
        if not results or not set(results) <= set(qrels):
            raise NoParity("queries without judgements in the run", results=results)
        try:
            judged = judge(list(results))
            ranked = rank_run(results, judged=judged, document_numbers=numbers)
        except NoParity as reason:
            raise NoParity(str(reason), results=results) from reason
    with split.timer("Scoring", split=split.split, subset=split.subset):
        scored = outcome(judged, ranked, k_values=list(task.k_values), kept=_kept(task))
    return scored._replace(scores={**scored.scores, **recall})


def _recall_note(options: IndexOptions, recall: Mapping[str, float]) -> str:
    shares = ", ".join(f"{share:.2%} at {name.rpartition('_')[2]}" for name, share in recall.items())
    return (
        f"searched through a FAISS index ({options.kind}); recall of the exact neighbours: {shares or 'not measured'}"
    )


def _is_plain_encoder(model: MTEBModels) -> bool:
    """Return whether mteb would search with the model's vectors."""
    from mteb.models import EncoderProtocol, SearchProtocol

    return isinstance(model, EncoderProtocol) and not isinstance(model, SearchProtocol)


def _run(
    model: MTEBModels, split: dense_search.Split, *, top_ranked: Mapping[str, Sequence[str]] | None
) -> dict[str, dict[str, float]]:
    """Return the run of mteb's own retriever with a cross-encoder or a search model."""
    from mteb._evaluators import RetrievalEvaluator
    from mteb.models import CrossEncoderProtocol, SearchCrossEncoderWrapper, SearchProtocol

    if isinstance(model, CrossEncoderProtocol):
        model = SearchCrossEncoderWrapper(model)
    elif not isinstance(model, SearchProtocol):
        raise EvaluationError(
            f"{type(model).__name__} is no encoder, cross-encoder or search model of mteb. See "
            "mteb.models.models_protocols for the methods one needs."
        )
    retriever = RetrievalEvaluator(
        corpus=split.corpus,
        queries=split.queries,
        task_metadata=split.task_metadata,
        hf_split=split.split,
        hf_subset=split.subset,
        top_ranked=top_ranked,
        top_k=split.top_k,
        timer=split.timer,
    )
    results: dict[str, dict[str, float]] = retriever(model, encode_kwargs=split.encode_kwargs, num_proc=split.num_proc)
    return results
