"""The negatives of a batch of several sources: none is right for another of its examples.

A source's negatives were chosen among its own examples. In a batch with those of other sources they may be answers to
them, as in sources that share documents; such a negative is replaced by another of its source.
"""

from __future__ import annotations

import json
import random
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench import strict_json
from tcmbench.trainsets.text_keys import query_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from tcmbench.trainsets.rows import RowOrigin
    from tcmbench.trainsets.text_keys import Keys

_POOL = 1024
"""Latest negatives of a source that one is replaced from."""


class Example(NamedTuple):
    """One line of a source."""

    line: bytes
    origin: RowOrigin

    keys: frozenset[str]
    """What no other example of its batch may have: its documents, groups and query."""

    negatives: tuple[frozenset[str], ...]
    """What its negatives are known by."""


class _Negative(NamedTuple):
    messages: Any
    doc_id: str
    keys: frozenset[str]
    view: int


def example_of(line: bytes, origin: RowOrigin, number: int, keys: Keys | None, prompt: str) -> Example:
    """Return a line with what it is known by in all sources.

    Args:
        line: The line.
        origin: Its row of the table; the record is named by the number of its source, too.
        number: Number of the source.
        keys: What the source's documents are known by; None for nothing.
        prompt: What the source's queries begin with.
    """
    own = origin._replace(record_id=f"{number}/{origin.record_id}")
    if keys is None:
        return Example(line, own, frozenset(), ())
    found = keys.of(origin.labels)
    query = strict_json.loads(line.decode())["messages"][-1]["content"].removeprefix(prompt)
    negatives = tuple(keys.of([doc_id]) for doc_id in origin.negatives)
    return Example(line, own._replace(labels=tuple(sorted(found))), found | {query_key(query)}, negatives)


class MixedNegatives:
    """Replaces negatives; counts what it does."""

    def __init__(self, sources: int, *, seed: int) -> None:
        self.replaced = 0
        self.in_conflict = 0
        self._pools: list[deque[_Negative]] = [deque(maxlen=_POOL) for _ in range(sources)]
        self._random = random.Random(seed)

    def without_answers(
        self, block: Sequence[tuple[int, Example]], *, answers: AbstractSet[str]
    ) -> list[tuple[int, Example]]:
        """Return the examples of a batch, by the numbers of their sources, without negatives that are answers in it.

        Args:
            block: The examples.
            answers: Keys of all of them.
        """
        for number, example in block:
            if example.negatives:
                self._pools[number].extend(_negatives_of(example))
        return [(number, self._changed(example, self._pools[number], answers)) for number, example in block]

    def _changed(self, example: Example, pool: deque[_Negative], answers: AbstractSet[str]) -> Example:
        wrong = [place for place, keys in enumerate(example.negatives) if not keys.isdisjoint(answers)]
        if not wrong:
            return example
        kept = _negatives_of(example)
        for place in wrong:
            taken = {key for negative in kept for key in negative.keys}
            free = [
                other
                for other in pool
                if other.view == example.origin.view and other.keys.isdisjoint(answers) and other.keys.isdisjoint(taken)
            ]
            if free:
                kept[place] = self._random.choice(free)
                self.replaced += 1
            else:
                self.in_conflict += 1
        line = strict_json.loads(example.line.decode())
        line["negative_messages"] = [negative.messages for negative in kept]
        return Example(
            json.dumps(line, ensure_ascii=False).encode() + b"\n",
            example.origin._replace(negatives=tuple(negative.doc_id for negative in kept)),
            example.keys,
            tuple(negative.keys for negative in kept),
        )


def _negatives_of(example: Example) -> list[_Negative]:
    messages = strict_json.loads(example.line.decode())["negative_messages"]
    parts = zip(messages, example.origin.negatives, example.negatives, strict=True)
    return [_Negative(message, doc_id, keys, example.origin.view) for message, doc_id, keys in parts]
