"""The training file and what stands beside it, written line by line from ready pieces.

Where other examples' documents are negatives too, a mined negative of one example may be the positive of
another in its block. It is replaced by a random document: as that other positive it is in the batch anyway.
"""

from __future__ import annotations

import contextlib
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.miners._select import Forbidden
from tcmbench.trainsets.examples import ALL, POSITIVE
from tcmbench.trainsets.pairs import corpus_of, queries_of
from tcmbench.trainsets.rows import Row, RowWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.data.label_map import LabelMap
    from tcmbench.trainsets.examples import Contents
    from tcmbench.trainsets.pairs import Pair, Pairs
    from tcmbench.trainsets.texts import Texts

_BUFFER = 1 << 20


@dataclass(slots=True)
class Written:
    """What was written."""

    lines: int = 0

    replaced: int = 0
    """Negatives that were the positive of another example in their block."""

    kept_conflicts: int = 0
    """Such negatives that had to stay, because no other document was left."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a line is put together."""

    document_role: str
    """"user" for embeddings, "assistant" for rerankers."""

    system: str
    """Instruction of a reranker; "" for none."""


@dataclass(frozen=True, slots=True)
class _Line:
    pair: Pair
    view: int
    negatives: tuple[int, ...]
    """Those that stand in this line."""

    score: float | None
    """1 for query and positive, 0 for query and negative; None in lines that aren't scored."""


def write_examples(
    contents: Contents,
    *,
    shape: Shape,
    label_map: LabelMap | None,
    seed: int,
    train: Path,
    rows: Path | None = None,
) -> Written:
    """Write the lines in training order, and `rows` beside them; return what was done to negatives."""
    written = Written()
    pairs = contents.pairs
    pieces = _Pieces(contents.texts, shape)
    replacer = _Replacer(pairs, label_map, seed=seed) if contents.order.is_label_unique else None
    with contextlib.ExitStack() as files:
        file = files.enter_context(train.open("wb", buffering=_BUFFER))
        table = files.enter_context(RowWriter(rows)) if rows is not None else None
        for line in _lines(contents, replacer, written):
            file.write(pieces.line(line))
            written.lines += 1
            if table is not None:
                table.add(_row(pairs, line))
    return written


def _row(pairs: Pairs, line: _Line) -> Row:
    record, names = pairs.records[line.pair.record], pairs.knowledge
    negatives = tuple(names[document].doc_id for document in line.negatives)
    return Row(record.record_id, record.labels, names[line.pair.positive].doc_id, negatives, line.view)


def _lines(contents: Contents, replacer: _Replacer | None, written: Written) -> Iterator[_Line]:
    pairs, _, examples, order = contents
    for one_pass in order.passes:
        for start in range(0, len(one_pass), order.block_size):
            chosen = one_pass[start : start + order.block_size]
            block = [pairs.pairs[p] for p in examples.pair[chosen].tolist()]
            which = examples.negative[chosen].tolist()
            negatives = [
                pair.negatives if n == ALL else pair.negatives[n : n + 1] if n >= 0 else ()
                for pair, n in zip(block, which, strict=True)
            ]
            if replacer is not None and negatives[0]:
                negatives = replacer.replace(block, negatives, written)
            scores = [float(n == POSITIVE) if examples.is_scored else None for n in which]
            yield from map(_Line, block, examples.view[chosen].tolist(), negatives, scores)


class _Pieces:
    """Lines from JSON pieces; what is written equals `json.dumps` of the whole line."""

    def __init__(self, texts: Texts, shape: Shape) -> None:
        self._texts = texts
        system = json.dumps({"role": "system", "content": shape.system}, ensure_ascii=False).encode() + b", "
        self._head = b'{"messages": [' + (system if shape.system else b"") + b'{"role": "user", "content": '
        self._open = b'[{"role": "%s", "content": ' % shape.document_role.encode()

    def line(self, line: _Line) -> bytes:
        # In a scored line the negative stands where the positive does, and its score says what it is.
        second, shown = line.pair.positive, line.negatives
        if line.score == 0.0:
            second, shown = line.negatives[0], ()
        record = line.pair.record
        query = self._texts.queries.piece(record, self._texts.query_limits[record])
        parts = [self._head, query, b'}], "positive_messages": [']
        parts += [self._document(second, line), b"]"]
        if shown:
            documents = b", ".join(self._document(document, line) for document in shown)
            parts += [b', "negative_messages": [', documents, b"]"]
        if line.score is not None:
            parts.append(b', "label": %.1f' % line.score)
        parts.append(b"}\n")
        return b"".join(parts)

    def _document(self, document: int, line: _Line) -> bytes:
        place = self._texts.place(document, line.view)
        limit = self._texts.document_limits[line.pair.record]
        return self._open + self._texts.documents.piece(place, limit) + b"}]"


class _Replacer:
    """Takes negatives out of a block that are right for another of its examples."""

    def __init__(self, pairs: Pairs, label_map: LabelMap | None, *, seed: int) -> None:
        import numpy as np

        self._forbidden = Forbidden.of(
            queries_of(pairs.records, split=""), corpus_of(pairs.knowledge, label_map), exclude_merged_labels=True
        )
        # Only documents that are in the set already have their texts ready.
        self._pool = np.array(used_documents(pairs))
        self._random = random.Random(seed)

    def replace(
        self, block: Sequence[Pair], negatives: Sequence[tuple[int, ...]], written: Written
    ) -> list[tuple[int, ...]]:
        import numpy as np

        groups = self._forbidden.groups[[pair.record for pair in block]]
        banned: NDArray[np.bool_] = np.logical_or.reduce(self._forbidden.banned[groups], axis=0)
        found = list(negatives)
        hits = banned[np.array(negatives)]
        for row in np.flatnonzero(hits.any(axis=1)).tolist():
            kept = list(negatives[row])
            for column in np.flatnonzero(hits[row]).tolist():
                other = self._draw(banned, kept)
                if other is None:
                    written.kept_conflicts += 1
                else:
                    kept[column] = other
                    written.replaced += 1
            found[row] = tuple(kept)
        return found

    def _draw(self, banned: NDArray[np.bool_], kept: Sequence[int]) -> int | None:
        free: list[int] = self._pool[~banned[self._pool]].tolist()
        allowed = [document for document in free if document not in kept]
        return self._random.choice(allowed) if allowed else None


def used_documents(pairs: Pairs) -> list[int]:
    """Return the positions of all documents that are a positive or a negative, sorted."""
    return sorted({d for pair in pairs.pairs for d in (pair.positive, *pair.negatives)})
