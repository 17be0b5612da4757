"""The sources of a recipe as ingredients of a training set; pairs that are read row by row, and pairs with scores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tcmbench.data.recognise import WEIGHTED
from tcmbench.errors import DataError
from tcmbench.tuning.training_data import row_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.trainsets.ingredient import Ingredient
    from tcmbench.trainsets.spool import SpooledRow
    from tcmbench.trainsets.streamed import RowData
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.tuning.training_data import TrainingData


def ingredients(recipe: Recipe) -> list[Ingredient]:
    """Return the sources of a recipe."""
    from tcmbench.trainsets.ingredient import Ingredient

    return [
        Ingredient(
            part.source,
            part.data.sha256,
            part.data.read,
            part.data.has_fields,
            part.drop,
            _rows(part.data) if part.data.is_streamed else None,
        )
        for part in recipe.parts
    ]


def _rows(data: TrainingData) -> RowData:
    from tcmbench.trainsets.streamed import RowData

    return RowData(data.root, data.sha256, partial(_scored if data.is_scored else _paired, data))


def _paired(data: TrainingData) -> Iterator[SpooledRow]:
    """Yield an example for each positive."""
    from tcmbench.trainsets.spool import SpooledRow

    for number, row in enumerate(data.rows()):
        for place, positive in enumerate(row.positives):
            yield SpooledRow(row_id(number, place), row.query, positive, row.negatives, group=row.group)


def _scored(data: TrainingData) -> Iterator[SpooledRow]:
    """Yield each judged pair with its score and weight.

    Raises:
        DataError: A row has no score.
    """
    from tcmbench.trainsets.spool import SpooledRow

    for number, row in enumerate(data.rows()):
        if row.score is not None:
            if len(row.positives) > 1 or row.negatives:
                raise DataError(
                    f"{row.where or data.root}: expected one document beside a score, got {len(row.positives)} "
                    f"positives and {len(row.negatives)} negatives, of which it doesn't say whose score it is. Write a "
                    "row for each pair with its own score."
                )
            yield SpooledRow(
                row_id(number), row.query, row.positives[0], score=row.score, weight=(*row.weights, 1.0)[0]
            )
            continue
        documents = (*row.positives, *row.negatives)
        if not row.grades and not row.negatives and data.reading.format != WEIGHTED:
            raise DataError(
                f"{row.where or data.root}: expected a score, for a loss over scored pairs, got a pair without one. "
                "Name its column in columns, or choose a miner under [negatives], whose documents count as 0."
            )
        scores = (*(row.grades or (1.0,) * len(row.positives)), *(0.0,) * len(row.negatives))
        weights = row.weights or (1.0,) * len(documents)
        for place, (document, score, weight) in enumerate(zip(documents, scores, weights, strict=True)):
            yield SpooledRow(row_id(number, place), row.query, document, score=score, weight=weight)
