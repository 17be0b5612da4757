"""Hybrid search with the tuned model: its scores fused with BM25's, at a weight chosen on the dev split.

The weights of the model stay as they are. Only searches and the order of candidates change; tasks without queries have
the scores of the tuned model. Formulas and sources: `tcmbench/ranking/fusion.py`, `docs/cures.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.cures import copy_model, one_input
from tcmbench.cures.vectors.training_data import require_unused, training_texts, wrapping
from tcmbench.encoders import fusion as encoder
from tcmbench.encoders._dense_part import WEIGHT_FILE
from tcmbench.plugins import PluginOptions
from tcmbench.ranking.fusion import RRF_K, Method
from tcmbench.store import differences, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.cures import CureWork
    from tcmbench.cures.vectors.training_data import TrainingTexts
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
USES = (("encoders", "fusion"), ("encoders", "bm25"))
READS_DATA = True
LOADS_MODEL = True


class Options(PluginOptions):
    """How scores are fused."""

    method: Method = "zscore"
    """zscore: standardised scores per query; minmax: scores from 0 to 1 per query; rrf: reciprocal ranks."""

    weight: float | None = Field(default=None, ge=0, le=1)
    """Share of BM25; None: the one with the highest nDCG@10 on the dev split, of equal ones the smallest."""

    rrf_k: float = Field(default=RRF_K, gt=0)
    """Constant of reciprocal rank fusion."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the encoder that fuses the scores of the first one with BM25's.

    Raises:
        SpecError: Several models, or one whose scores are fused already.
    """
    one_input(count, cure="fusion")
    require_unused(base.encoder, base.options, own="fusion", cure="fusion")
    weight = "chosen" if options.weight is None else options.weight
    own = {**differences(options, exclude={"weight"}), "weight": weight}
    return {"encoder": "fusion", "options": {**wrapping(base.encoder, base.options), **own}}


def averaged(trainings: float, *, options: Options) -> float:
    """Return what the model is worth that it is made from, whose weights stay as they are."""
    del options
    return trainings


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with the chosen weight beside it, and return the weight and nDCG@10 on dev with its parts.

    Raises:
        SpecError: No dev query has a document.
    """
    from tcmbench.ranking.fusion import choose_weight

    (tuned,) = work.tuned
    copy_model(tuned, out)
    if options.weight is not None:
        return {"weight": options.weight}
    texts = training_texts(work, cure="fusion")
    chosen = choose_weight(
        _dense(work, texts),
        _lexical(texts),
        texts.dev.relevant,
        order=texts.order,
        method=options.method,
        rrf_k=options.rrf_k,
    )
    curve = dict(chosen.curve)
    write_json(out / WEIGHT_FILE, {"weight": chosen.weight})
    return {
        "weight": chosen.weight,
        "chosen_on": texts.note,
        "dev_ndcg_at_10": curve[chosen.weight],
        "dev_ndcg_at_10_dense": curve[0.0],
        "dev_ndcg_at_10_bm25": curve[1.0],
    }


def _dense(work: CureWork, texts: TrainingTexts) -> NDArray[np.float32]:
    """Return the model's scores of the dev queries, (queries, documents)."""
    from tcmbench import models
    from tcmbench.cures.vectors.training_data import encoded

    model = models.load(work.tuned[0], cache=work.cache, device=work.device)
    queries = encoded(model, texts.dev.texts, role="query")
    scores: NDArray[np.float32] = queries @ encoded(model, texts.documents, role="document").T
    return scores


def _lexical(texts: TrainingTexts) -> NDArray[np.float32]:
    """Return BM25's scores of the dev queries, (queries, documents)."""
    import numpy as np

    from tcmbench.encoders import bm25

    tokenize = bm25.tokenizer(encoder.Options().tokens)
    index = bm25.build_index([tokenize(text) for text in texts.documents])
    count = len(texts.documents)
    return np.stack([bm25.term_scores(index, tokenize(text), documents=count) for text in texts.dev.texts])
