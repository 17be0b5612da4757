"""Generated queries before they are checked: which are asked for, and what the answers contain."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.generation.parsing import queries_in
from tcmbench.generation.sources import Origin, digest
from tcmbench.generation.templates import queries_prompt
from tcmbench.text.ngrams import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tcmbench.generation.chat import ChatAnswer


@dataclass(frozen=True, slots=True)
class Order:
    """A prompt for queries of one type in one voice about one text."""

    origin: Origin
    type: str
    voice: str
    count: int

    @property
    def prompt(self) -> str:
        """The text that is sent."""
        return queries_prompt(
            self.origin.text, type_=self.type, voice=self.voice, count=self.count, forbidden=self.origin.forbidden
        )


class Candidate(NamedTuple):
    """A query that a model wrote."""

    query: str
    order: Order


class ReadAnswers(NamedTuple):
    """The queries of all answers."""

    kept: list[Candidate]

    counts: Counter[str]


def orders(
    origins: Iterable[Origin], *, types: Sequence[str], voices: Sequence[str], per_document: int, seed: int
) -> Iterator[Order]:
    """Yield the orders of each text: `per_document` queries, spread over types and voices.

    Which types and voices a text gets depends on its id and the seed, and a further type or voice takes the place of
    few others, so that most answers that are stored stay in use.
    """
    pairs = [(type_, voice) for type_ in types for voice in voices]
    for origin in origins:
        ranked = sorted(pairs, key=lambda pair: digest(seed, origin.text_id, *pair))
        whole, rest = divmod(per_document, len(ranked))
        for place, (type_, voice) in enumerate(ranked):
            if count := whole + (place < rest):
                yield Order(origin, type_, voice, count)


def gather(ordered: Sequence[Order], answers: Sequence[ChatAnswer]) -> ReadAnswers:
    """Return the queries of the answers that name no forbidden name, with counts of what is left out.

    An answer that was cut off is left out as a whole: its last query may be half of one.
    """
    kept: list[Candidate] = []
    counts = Counter(dict.fromkeys(("answers", "refused", "cut_off", "unparsable", "queries", "forbidden"), 0))
    for order, answer in zip(ordered, answers, strict=True):
        counts["answers"] += 1
        if answer.ending != "whole":
            counts[answer.ending] += 1
            continue
        queries = queries_in(answer.text, count=order.count)
        counts["unparsable"] += not queries
        counts["queries"] += len(queries)
        allowed = [query for query in queries if not names_any(query, order.origin.forbidden)]
        counts["forbidden"] += len(queries) - len(allowed)
        kept += [Candidate(query, order) for query in allowed]
    return ReadAnswers(kept, counts)


def names_any(query: str, names: Iterable[str]) -> bool:
    """Return whether a query contains one of the names, in any width, case and spacing."""
    text = _compared(query)
    return any(_compared(name) in text for name in names if name)


def _compared(text: str) -> str:
    return "".join(normalise(text).split())
