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
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet
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
        self._filled = self._replaced = self._in_conflict = 0
        self._random = np.random.default_rng((seed, 1))

    def write(self, folder: Path) -> Statistics:
        """Write train.jsonl and rows.parquet; return their statistics."""
        places = self._sampled()
        orders, dropped = self._orders(places)
        digest = hashlib.sha256()
        step = self._size * max(1, _AT_ONCE // self._size)
        with (folder / "train.jsonl").open("wb") as file, origins_writer(folder / "rows.parquet") as write_origins:
            for order in orders:
                for start in range(0, len(order), step):
                    rows = self._with_negatives(order[start : start + step])
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
                order = places[plain_order(len(places), seed=self._seed, number=number)].tolist()
            if not order:
                raise SpecError(
                    f"variant {self._variant.name}: a batch of {self._size} rows without a common document or group "
                    f'can\'t be filled from {len(places)} rows. Lower training.batch_size, or set batch_rule = "plain".'
                )
            dropped.append(len(places) - len(order))
            orders.append(order[: max(1, round(len(order) / unit * share)) * unit])
        return orders, tuple(dropped)

    def _with_negatives(self, places: Sequence[int]) -> list[tuple[int, SpooledRow]]:
        """Return rows with as many negatives as all have: their own, then documents of random other rows."""
        labels = self._labels
        if not self._negatives or labels is None:
            return [(place, self._spool[place]._replace(negatives=())) for place in places]
        rows = []
        for start in range(0, len(places), self._size):
            batch = places[start : start + self._size]
            answers: set[int] = set().union(*map(labels.of, batch)) if self._is_unique else set()
            rows += [(place, self._with_its_negatives(place, labels, answers)) for place in batch]
        return rows

    def _with_its_negatives(self, place: int, labels: RowLabels, answers: AbstractSet[int]) -> SpooledRow:
        """Return a row with its negatives; none is right for another row of its batch, as far as the data allow it.

        Args:
            place: The row.
            labels: Of all rows.
            answers: Labels of the rows of its batch; none where a batch may repeat them.

        Raises:
            DataError: Hardly any row has a document that isn't right for this one.
        """
        row, refused = self._spool[place], labels.of(place)
        is_given = self._variant.negatives.miner == "given"
        # A document that the file judges right for the query in another row is no negative of it.
        own = [text for text in row.negatives if text_key(text) not in refused] if is_given else []
        given = [text for text in own[: self._negatives] if text_key(text) not in answers]
        replaced = min(len(own), self._negatives) - len(given)
        lacking = self._negatives - len(given)
        self._filled += lacking - replaced if is_given else 0
        drawn = self._drawn(labels, refused, answers, taken=(row.positive, *given), count=lacking)
        self._replaced += min(replaced, len(drawn))
        if rest := lacking - len(drawn):
            self._in_conflict += rest
            drawn += self._drawn(labels, refused, set(), taken=(row.positive, *given, *drawn), count=rest)
        if len(drawn) < lacking:
            raise DataError(
                f"row {row.record_id}: expected {self._negatives} negatives, but hardly any other row has another "
                "document. Lower the miner's count."
            )
        return row._replace(negatives=(*given, *drawn))

    def _drawn(
        self,
        labels: RowLabels,
        refused: AbstractSet[int],
        answers: AbstractSet[int],
        *,
        taken: Iterable[str],
        count: int,
    ) -> list[str]:
        """Return up to `count` documents of random rows without a label in `refused`, none of `answers` or `taken`."""
        texts = {normalise(text) for text in taken}
        drawn: list[str] = []
        for _ in range(_DRAWS * count):
            other = int(self._random.integers(len(self._spool)))
            if labels.of(other).isdisjoint(refused):
                text = self._spool[other].positive
                if normalise(text) not in texts and text_key(text) not in answers:
                    texts.add(normalise(text))
                    drawn.append(text)
            if len(drawn) == count:
                break
        return drawn

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
        negatives = tuple(written(text_key(text)) for text in row.negatives)
        return RowOrigin(row.record_id, labels, row.record_id, negatives, -1)

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
            negatives_replaced=self._replaced,
            negatives_in_conflict=self._in_conflict,
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
