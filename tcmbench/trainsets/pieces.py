"""Lines as bytes: each text is encoded as JSON once, and thousands of lines are joined from such pieces at a time.

The result equals `json.dumps` of each whole line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tcmbench.trainsets.lines import ABSENT
from tcmbench.trainsets.texts import PLAIN

if TYPE_CHECKING:
    from tcmbench.trainsets.lines import IntArray, Lines
    from tcmbench.trainsets.texts import Texts

    PieceArray = npt.NDArray[np.object_]

_END = b"]}\n"
_NEGATIVES = b'], "negative_messages": ['
_BETWEEN = b", "
_POSITIVE_END, _NEGATIVE_END = (b'], "label": %.1f}\n' % score for score in (1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Shape:
    """Layout of a line."""

    document_role: str
    """"user" for embeddings, "assistant" for rerankers."""

    system: str
    """Instruction of a reranker; "" for none."""


class Pieces:
    """The pieces of all lines, created when they are first needed."""

    def __init__(self, texts: Texts, shape: Shape) -> None:
        self._texts = texts
        system = json.dumps({"role": "system", "content": shape.system}, ensure_ascii=False).encode() + b", "
        self._head = b'{"messages": [' + (system if shape.system else b"") + b'{"role": "user", "content": '
        self._open = b'[{"role": "%s", "content": ' % shape.document_role.encode()
        self._queries: PieceArray = np.full(len(texts.query_limits), b"", dtype=object)
        self._documents: PieceArray = np.full(len(texts.documents.lengths), b"", dtype=object)
        self._has_query = np.zeros(len(self._queries), dtype=np.bool_)
        self._has_document = np.zeros(len(self._documents), dtype=np.bool_)
        self._lengths = np.array(texts.documents.lengths, dtype=np.int64)
        self._limits = np.array(texts.document_limits, dtype=np.int64)
        self._most = int(self._limits.max(initial=0))
        self._shorter: dict[tuple[int, int], bytes] = {}
        self._places = _places(texts)

    def join(self, lines: Lines) -> bytes:
        """Return the bytes of lines."""
        head = [self._query_pieces(lines.record)]
        if lines.is_scored:
            # A negative takes the place of the positive, and has another score.
            negative = lines.negatives[:, 0]
            is_negative = negative != ABSENT
            second = np.where(is_negative, negative, lines.positive)
            ends = np.array([_POSITIVE_END, _NEGATIVE_END], dtype=object)[is_negative.astype(np.int64)]
            return _joined([*head, self._document_pieces(second, lines), ends])
        columns: list[PieceArray | bytes] = [*head, self._document_pieces(lines.positive, lines)]
        for number, negative in enumerate(lines.negatives.T):
            columns += [_BETWEEN if number else _NEGATIVES, self._document_pieces(negative, lines)]
        return _joined([*columns, _END])

    def _query_pieces(self, records: IntArray) -> PieceArray:
        for record in _first_needed(records, self._has_query):
            text = self._texts.queries.piece(record, self._texts.query_limits[record])
            self._queries[record] = self._head + text + b'}], "positive_messages": ['
        return self._queries[records]

    def _document_pieces(self, documents: IntArray, lines: Lines) -> PieceArray:
        places, limits = self._places[documents, lines.view], self._limits[lines.record]
        for place in _first_needed(places, self._has_document):
            self._documents[place] = self._document(place, self._most)
        pieces = self._documents[places]
        # Next to a long query a reranker's document has less room.
        short = np.flatnonzero(limits < np.minimum(self._lengths[places], self._most))
        for line, place, limit in zip(short.tolist(), places[short].tolist(), limits[short].tolist(), strict=True):
            if (place, limit) not in self._shorter:
                self._shorter[place, limit] = self._document(place, limit)
            pieces[line] = self._shorter[place, limit]
        return pieces

    def _document(self, place: int, limit: int) -> bytes:
        return self._open + self._texts.documents.piece(place, limit) + b"}]"


def _places(texts: Texts) -> IntArray:
    """Return documents × (views + 1): positions of texts, the plain view, which is −1, in the last column."""
    documents = max((document for document, _ in texts.places), default=-1) + 1
    table = np.full((documents, texts.views + 1), -1, dtype=np.int64)
    for document in {document for document, _ in texts.places}:
        table[document] = [texts.place(document, view) for view in (*range(texts.views), PLAIN)]
    return table


def _first_needed(places: IntArray, has_piece: npt.NDArray[np.bool_]) -> list[int]:
    """Return the places without a piece, and mark them as having one."""
    missing = sorted(set(places[~has_piece[places]].tolist()))
    has_piece[missing] = True
    return missing


def _joined(columns: list[PieceArray | bytes]) -> bytes:
    """Return the pieces line by line."""
    first = columns[0]
    table = np.empty((len(first), len(columns)), dtype=object)
    for number, column in enumerate(columns):
        table[:, number] = column
    return b"".join(table.ravel().tolist())
