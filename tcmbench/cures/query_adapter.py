"""A linear map of query vectors, near the identity; encoder and document vectors stay as they are.

Queries of all retrieval and reranking tasks are mapped, so it can forget, too. Tasks without queries have the vectors
of the tuned model. Formulas and sources: `vectors/linear.py`, `docs/cures.md`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tcmbench.cures import copy_model, one_input
from tcmbench.cures.vectors.training_data import require_unused, training_texts, wrapping
from tcmbench.encoders._dense_part import MATRIX_FILE
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.cures import CureWork
    from tcmbench.cures.vectors.linear import ChosenMap
    from tcmbench.cures.vectors.training_data import TrainingTexts
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = True
LOADS_MODEL = True


class Options(PluginOptions):
    """How the map is found."""

    fit: Literal["ridge", "infonce"] = "ridge"
    """ridge: closed form, shrunk towards the identity; infonce: trained against all documents, from the identity."""

    penalty: float | None = Field(default=None, gt=0)
    """Shrinkage of the closed form; None: the one with the highest nDCG@10 on the dev split, of equal ones the
    strongest."""

    steps: int = Field(default=300, ge=1, le=100_000)
    """Maximum number of steps of the training, which ends when nDCG@10 on the dev split no longer rises."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Step size of Adam."""

    temperature: float = Field(default=0.05, gt=0)
    """Temperature of InfoNCE."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the encoder that maps queries.

    Raises:
        SpecError: Several models, or one whose queries are mapped already.
    """
    del options
    one_input(count, cure="query_adapter")
    require_unused(base.encoder, base.options, own="query_adapter", cure="query_adapter")
    return {"encoder": "query_adapter", "options": wrapping(base.encoder, base.options)}


def averaged(trainings: float, *, options: Options) -> float:
    """Return what the model is worth that it is made from, whose weights stay as they are."""
    del options
    return trainings


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with the matrix, and return its setting, its distance from the identity, and nDCG@10 on dev.

    Raises:
        SpecError: No training query, or no dev query, has a document.
    """
    import numpy as np

    from tcmbench.encoders.runtime.changed_vectors import write_matrix

    (tuned,) = work.tuned
    texts = training_texts(work, cure="query_adapter")
    chosen = _fitted(work, texts, options)
    copy_model(tuned, out)
    write_matrix(out / MATRIX_FILE, chosen.matrix)
    curve = dict(chosen.curve)
    is_ridge = options.fit == "ridge"
    setting: Json = "infinite" if math.isinf(chosen.setting) else chosen.setting
    return {
        "penalty" if is_ridge else "steps": setting,
        "chosen_on": "given" if is_ridge and options.penalty is not None else texts.note,
        "distance_from_identity": float(np.linalg.norm(chosen.matrix - np.eye(len(chosen.matrix)))),
        "dev_ndcg_at_10": curve[chosen.setting],
        "dev_ndcg_at_10_before": chosen.curve[0][1],
    }


def _fitted(work: CureWork, texts: TrainingTexts, options: Options) -> ChosenMap:
    """Return the map that is best on dev, or that of the given penalty."""
    from tcmbench import models
    from tcmbench.cures.vectors import linear
    from tcmbench.cures.vectors.training_data import encoded

    model = models.load(work.tuned[0], cache=work.cache, device=work.device)
    documents = linear.Documents(encoded(model, texts.documents, role="document"), texts.order)
    train, dev = (
        linear.QuerySplit(encoded(model, split.texts, role="query"), split.relevant)
        for split in (texts.train, texts.dev)
    )
    if options.fit == "infonce":
        schedule = linear.Schedule(options.steps, options.learning_rate, options.temperature)
        return linear.trained(train, dev, documents, schedule)
    if options.penalty is None:
        return linear.closed_form(train, dev, documents, penalties=linear.PENALTIES)
    return linear.given(train, dev, documents, penalty=options.penalty)
