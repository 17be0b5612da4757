"""Writing a streamed training set: order, drawn negatives, lines, table of rows and statistics."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench.errors import DataError, SpecError
from tcmbench.miners import MinerOptions
from tcmbench.text.ngrams import normalise
from tcmbench.trainsets.length_tally import Tally
from tcmbench.trainsets.order import plain_order
from tcmbench.trainsets.pairs import miner_of
from tcmbench.trainsets.rows import RowOrigin, origins_writer
from tcmbench.trainsets.statistics import Statistics
from tcmbench.trainsets.streamed_order import RowLabels, label_unique_pass, passes_of
from tcmbench.trainsets.text_keys import text_key, written
from tcmbench.trainsets.texts import rooms_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Variant
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.spool import Spool, SpooledRow

_AT_ONCE = 2048
_DRAWS = 100


class StreamWriter:
    """Writes the training file of spooled rows."""

    def __init__(self, variant: Variant, base: Base, spool: Spool, *, seed: int, context: Context, path: Path) -> None:
        """Prepare the writing.

        Args:
            variant: The recipe.
            base: What is tuned.
            spool: The rows.
            seed: Seed of order, sample and drawn negatives.
            context: Tokenizer and requirements.
            path: Where the rows are from, for messages.

        Raises:
            SpecError: The prompts leave no room for text, or no batch can be filled.
            DataError: There are no rows.
        """
        if not len(spool):
            raise DataError(f"{path}: expected rows to train on, got none. Is the file empty, or do all rows leak?")
        self.sha256 = ""
        """Hash of the training file, once it is written."""

        self._variant, self._base, self._spool, self._context, self._seed = variant, base, spool, context, seed
        self._size = variant.training.batch_size * context.requirements.devices
        self._is_unique = variant.batch_rule == "label_unique" and context.requirements.in_batch
        mining = miner_of(variant).options
        self._negatives = mining.count if isinstance(mining, MinerOptions) else 0
        self._labels = RowLabels(spool) if self._is_unique or self._negatives else None
        self._rooms = rooms_of(variant, base, context.tokenizer)
        self._lengths = {name: Tally() for name in ("query", "positive", "negative")}
        self._filled = 0
        self._random = np.random.default_rng((seed, 1))

    def write(self, folder: Path) -> Statistics:
        """Write train.jsonl and rows.parquet; return their statistics."""
        places = self._sampled()
        orders, dropped = self._orders(places)
        digest = hashlib.sha256()
        with (folder / "train.jsonl").open("wb") as file, origins_writer(folder / "rows.parquet") as write_origins:
            for order in orders:
                for start in range(0, len(order), _AT_ONCE):
                    rows = [self._with_negatives(place) for place in order[start : start + _AT_ONCE]]
                    lines = self._lines([row for _, row in rows])
                    file.write(lines)
                    digest.update(lines)
                    write_origins([self._origin(place, row) for place, row in rows])
        self.sha256 = digest.hexdigest()
        return self._statistics(len(places), [len(order) for order in orders], dropped)

    def _sampled(self) -> NDArray[np.int64]:
        """Return the rows that are used: all, or a seeded sample of `max_samples`."""
        total, most = len(self._spool), self._variant.max_samples
        if most is None or most >= total:
            return np.arange(total)
        return np.sort(np.random.default_rng(self._seed).choice(total, size=most, replace=False))

    def _orders(self, places: NDArray[np.int64]) -> tuple[list[list[int]], tuple[int, ...]]:
        """Return the rows of each pass, and how many each leaves out."""
        orders, dropped = [], []
        unit = self._size if self._is_unique else 1
        for number, share in enumerate(passes_of(self._variant.training.epochs)):
            if self._is_unique and self._labels is not None:
                order = label_unique_pass(self._labels, places, size=self._size, seed=(self._seed, number))
            else:
                order = places[plain_order(len(places), seed=self._seed + number)].tolist()
            if not order:
                raise SpecError(
                    f"variant {self._variant.name}: a batch of {self._size} rows without a common document or group "
                    f'can\'t be filled from {len(places)} rows. Lower training.batch_size, or set batch_rule = "plain".'
                )
            dropped.append(len(places) - len(order))
            orders.append(order[: max(1, round(len(order) / unit * share)) * unit])
        return orders, tuple(dropped)

    def _with_negatives(self, place: int) -> tuple[int, SpooledRow]:
        """Return a row with as many negatives as all have: its own, then documents of random other rows."""
        row = self._spool[place]
        if not self._negatives or self._labels is None:
            return place, row._replace(negatives=())
        is_given, refused = self._variant.negatives.miner == "given", self._labels.of(place)
        # A document that the file judges right for the query in another row is no negative of it.
        own = [text for text in row.negatives if text_key(text) not in refused] if is_given else []
        given = own[: self._negatives]
        lacking = self._negatives - len(given)
        if not lacking:
            return place, row._replace(negatives=tuple(given))
        self._filled += lacking if is_given else 0
        texts = {normalise(text) for text in (row.positive, *given)}
        drawn = []
        for _ in range(_DRAWS * lacking):
            other = int(self._random.integers(len(self._spool)))
            if self._labels.of(other).isdisjoint(refused):
                text = self._spool[other].positive
                if normalise(text) not in texts:
                    texts.add(normalise(text))
                    drawn.append(text)
            if len(drawn) == lacking:
                return place, row._replace(negatives=(*given, *drawn))
        raise DataError(
            f"row {row.record_id}: expected {self._negatives} negatives, but hardly any other row has another "
            "document. Lower the miner's count."
        )

    def _lines(self, rows: Sequence[SpooledRow]) -> bytes:
        queries = self._cut("query", self._rooms.query, [self._base.query_prompt + row.query for row in rows])
        positives = self._cut(
            "positive", self._rooms.document, [self._base.document_prompt + row.positive for row in rows]
        )
        flat = [self._base.document_prompt + text for row in rows for text in row.negatives]
        negatives = iter(self._cut("negative", self._rooms.document, flat) if flat else [])
        lines = []
        for row, query, positive in zip(rows, queries, positives, strict=True):
            line: dict[str, Any] = {"messages": [_message(query)], "positive_messages": [[_message(positive)]]}
            if row.negatives:
                line["negative_messages"] = [[_message(next(negatives))] for _ in row.negatives]
            if self._context.requirements.scored:
                line["label"] = row.score
                if row.weight != 1.0:
                    line["weight"] = row.weight
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        return "".join(lines).encode()

    def _cut(self, name: str, limit: int, texts: list[str]) -> list[str]:
        """Return texts of at most `limit` tokens, and count their lengths."""
        lengths = self._context.tokenizer.lengths(texts)
        self._lengths[name].add(np.array(lengths), limit)
        return [
            text if length <= limit else self._context.tokenizer.cut(text, limit)
            for text, length in zip(texts, lengths, strict=True)
        ]

    def _origin(self, place: int, row: SpooledRow) -> RowOrigin:
        labels = () if self._labels is None else tuple(map(written, sorted(self._labels.of(place))))
        return RowOrigin(row.record_id, labels, row.record_id, (), -1)

    def _statistics(self, examples: int, passes: list[int], dropped: tuple[int, ...]) -> Statistics:
        lengths = {name: tally.result() for name, tally in self._lengths.items()}
        return Statistics(
            lines=sum(passes),
            records=len(self._spool),
            pairs=len(self._spool),
            examples=examples,
            passes=tuple(passes),
            dropped=dropped,
            block_size=self._size,
            batch_rule="label_unique" if self._is_unique else "plain",
            views=0,
            plain_documents=0,
            negatives_per_example=self._negatives,
            negatives_filled=self._filled,
            negatives_replaced=0,
            negatives_in_conflict=0,
            label_counts={},
            same_label_share_plain=0.0,
            same_label_share=0.0,
            collisions_per_batch_plain=0.0,
            collisions_per_batch=0.0,
            query=lengths["query"],
            positive=lengths["positive"],
            negative=lengths["negative"],
            dev_lines=0,
        )


def _message(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}
