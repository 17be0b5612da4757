"""Training pairs from documents: a chat model writes queries, and those that pass all checks are kept.

The checks, in order: a readable answer, no name that gives the answer away, the document is found again
(`retrieved.py`), no near-duplicate of a query that was kept (`distinct.py`), the judge's score (`judge.py`). The judge
comes last because each of its answers costs money; retrieval and judge are alternatives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tcmbench.errors import DataError, SpecError, UnknownName
from tcmbench.generation import candidates, distinct, judge, retrieved
from tcmbench.generation.marks import GENERATOR, SYNTHETIC
from tcmbench.generation.templates import TYPES, VOICES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.generation.candidates import Candidate
    from tcmbench.generation.chat import Chat
    from tcmbench.generation.sources import QuerySource
    from tcmbench.store import Json

Keep = Literal["retrieval", "judge", "all"]


class QueryOptions(BaseModel):
    """Which queries are generated and kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    types: tuple[str, ...] = Field(default=tuple(TYPES), min_length=1)
    """Types of question."""

    voices: tuple[str, ...] = Field(default=tuple(VOICES), min_length=1)
    """Who asks."""

    per_document: int = Field(default=3, ge=1, le=1000)
    """Queries that are asked for per text, over all types and voices."""

    keep: Keep = "retrieval"
    """Check that a query must pass: two retrievers find its document, a judge finds the document good, or none."""

    top_k: int = Field(default=20, ge=1)
    """Rank that both retrievers must reach."""

    seed: int = 0
    """Chooses types and voices per text."""

    @field_validator("types", "voices")
    @classmethod
    def _without_repeats(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(given))

    def require_known(self) -> None:
        """Check the names of types and voices.

        Raises:
            UnknownName: There is no such type or voice.
        """
        for kind, given, known in (("type of question", self.types, TYPES), ("voice", self.voices, VOICES)):
            for name in given:
                if name not in known:
                    raise UnknownName.of(kind, name, known)


class QueryEmbedder(Protocol):
    """A model that turns texts into vectors."""

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "document"]) -> NDArray[np.float32]:
        """Return one vector per text [texts, dimensions], with the prompt of the kind applied."""
        ...


class Generated(NamedTuple):
    """Kept queries as rows of a training table, and what happened to the others."""

    rows: list[dict[str, Json]]

    counts: Mapping[str, int]
    """What → how many answers or queries."""


class _Kept(NamedTuple):
    candidate: Candidate
    vector: NDArray[np.float32]
    score: int | None = None


def generate(
    source: QuerySource,
    generator: Chat,
    *,
    options: QueryOptions,
    embedder: QueryEmbedder,
    judging: Chat | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> Generated:
    """Return the queries that are kept, in the order of the texts; one row per query and document.

    Args:
        source: Texts and corpus.
        generator: Writes the queries.
        options: Which queries.
        embedder: Base that near-duplicates are found by, and one of the two retrievers.
        judging: Judges them, where `options.keep` is "judge".
        watch: Called with what is done, the number that is done, and of all.

    Raises:
        UnknownName: A type or voice that doesn't exist.
        SpecError: A judge is missing, or isn't needed.
        ModelAbsent, EvaluationError: A server can't be reached, or doesn't answer as it should.
        DataError: No query was kept.
    """
    options.require_known()
    if (judging is None) == (options.keep == "judge"):
        raise SpecError("--keep judge and --judge-model: expected both or neither. Add the other, or leave both out.")
    ordered = list(
        candidates.orders(
            source.origins,
            types=options.types,
            voices=options.voices,
            per_document=options.per_document,
            seed=options.seed,
        )
    )
    answers = generator.answers([order.prompt for order in ordered], watch=_watched(watch, "queries"))
    kept, counts = candidates.gather(ordered, answers)
    remaining = _embedded(kept, embedder)
    if options.keep == "retrieval":
        remaining = _retrieved(remaining, source, options, embedder, counts)
    remaining = _distinct(remaining, counts)
    if judging is not None:
        remaining = _judged(remaining, source, judging, counts, watch=_watched(watch, "judgements"))
    counts["kept"] = len(remaining)
    if not remaining:
        raise DataError(
            f"{source.name}: expected queries to keep, got none: {summary(counts)}. Nothing was written; the answers "
            "are stored. Look at what the model answers, take a larger one, or loosen --keep or --top-k."
        )
    return Generated(_rows(remaining, source, generator.model.name), counts)


def summary(counts: Mapping[str, int]) -> str:
    """Return the counts in one line."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())


def _watched(watch: Callable[[str, int, int], None] | None, what: str) -> Callable[[int, int], None] | None:
    return None if watch is None else lambda done, total: watch(what, done, total)


def _embedded(kept: Sequence[Candidate], embedder: QueryEmbedder) -> list[_Kept]:
    from tcmbench.ranking.unit_vectors import unit

    if not kept:
        return []
    vectors = unit(embedder.embed([candidate.query for candidate in kept], kind="query"))
    return [_Kept(candidate, vector) for candidate, vector in zip(kept, vectors, strict=True)]


def _retrieved(
    remaining: list[_Kept], source: QuerySource, options: QueryOptions, embedder: QueryEmbedder, counts: Counter[str]
) -> list[_Kept]:
    """Return the queries whose document both retrievers find."""
    import numpy as np

    from tcmbench.ranking.unit_vectors import unit

    if not remaining:
        return []
    texts = list(source.corpus.values())
    positions = {doc_id: position for position, doc_id in enumerate(source.corpus)}
    targets = [[positions[doc_id] for doc_id in each.candidate.order.origin.documents] for each in remaining]
    queries = [each.candidate.query for each in remaining]
    corpus = unit(embedder.embed(texts, kind="document"))
    vectors = np.stack([each.vector for each in remaining])
    terms = retrieved.by_terms(queries, targets, texts, top_k=options.top_k)
    dense = retrieved.by_vectors(vectors, targets, corpus, top_k=options.top_k)
    passed = [each for each, *both in zip(remaining, terms, dense, strict=True) if all(both)]
    counts["not_found"] = len(remaining) - len(passed)
    return passed


def _distinct(remaining: list[_Kept], counts: Counter[str]) -> list[_Kept]:
    """Return the queries without near-duplicates of kept ones, counted by whether both are of one text."""
    import numpy as np

    copies = distinct.first_copies(np.stack([each.vector for each in remaining])) if remaining else []
    counts["duplicates_of_same_document"] = counts["duplicates_of_others"] = 0
    passed: list[_Kept] = []
    for each, copy in zip(remaining, copies, strict=True):
        if copy is None:
            passed.append(each)
            continue
        is_same = remaining[copy].candidate.order.origin.documents == each.candidate.order.origin.documents
        counts["duplicates_of_same_document" if is_same else "duplicates_of_others"] += 1
    return passed


def _judged(
    remaining: list[_Kept],
    source: QuerySource,
    judging: Chat,
    counts: Counter[str],
    *,
    watch: Callable[[int, int], None] | None,
) -> list[_Kept]:
    """Return the queries whose documents the judge gives at least `LEAST_SCORE`."""
    texts = ["\n".join(source.corpus[doc_id] for doc_id in each.candidate.order.origin.documents) for each in remaining]
    pairs = [(each.candidate.query, text) for each, text in zip(remaining, texts, strict=True)]
    scores = judge.scores(judging, pairs, watch=watch)
    counts["not_judged"] = sum(score is None for score in scores)
    counts["judged_low"] = sum(score is not None and score < judge.LEAST_SCORE for score in scores)
    return [
        each._replace(score=score)
        for each, score in zip(remaining, scores, strict=True)
        if score is not None and score >= judge.LEAST_SCORE
    ]


def _rows(remaining: Sequence[_Kept], source: QuerySource, model: str) -> list[dict[str, Json]]:
    rows: list[dict[str, Json]] = []
    for (query, order), _, score in remaining:
        for doc_id in order.origin.documents:
            row: dict[str, Json] = {
                "query": query,
                "positive": source.corpus[doc_id],
                "type": order.type,
                "voice": order.voice,
                SYNTHETIC: True,
                GENERATOR: model,
                "document_id": doc_id,
            }
            if source.kind == "records":
                row["record_id"] = order.origin.text_id
            if score is not None:
                row["judge_score"] = score
            rows.append(row)
    return rows
