"""NUDGE: vectors of documents moved towards the training queries that they answer; the encoder stays as it is.

It changes an index of the training data's documents, and nothing else: documents of other tasks, queries, and tasks
without queries have the vectors of the tuned model. So nothing is forgotten elsewhere, and nothing is gained there.
Within the index, documents without training queries (such as those of syndromes that no record has) stay where they are
and are outranked by those that came nearer to queries; `others = "mean"` moves them, too. Formulas and source:
`vectors/nudge.py`, `docs/cures.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tcmbench.cures import copy_model, one_input
from tcmbench.cures.vectors.nudge import Norm, Others
from tcmbench.cures.vectors.training_data import require_unused, training_texts, wrapping
from tcmbench.encoders._dense_part import TABLE_FILE
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.cures import CureWork
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = True
LOADS_MODEL = True


class Options(PluginOptions):
    """How documents are moved."""

    norm: Norm = "N"
    """N: on the unit sphere; M: freely, and then given unit length."""

    others: Others = "stay"
    """Documents without training queries: stay, as in the paper, or move towards the mean of all training queries."""

    bound: float | None = Field(default=None, ge=0, le=2)
    """Longest move; None: the one with the highest nDCG@10 on the dev split, of equal ones the shortest."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the encoder that replaces the vectors of moved documents.

    Raises:
        SpecError: Several models, or one whose documents are moved already.
    """
    del options
    one_input(count, cure="nudge")
    require_unused(base.encoder, base.options, own="moved_documents", cure="nudge")
    return {"encoder": "moved_documents", "options": wrapping(base.encoder, base.options)}


def averaged(trainings: float, *, options: Options) -> float:
    """Return what the model is worth that it is made from, whose weights stay as they are."""
    del options
    return trainings


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with the table of moved documents, and return the bound and nDCG@10 on dev before and after.

    Raises:
        SpecError: No training query, or no dev query, has a document.
    """
    import numpy as np

    from tcmbench import models
    from tcmbench.cures.vectors import nudge
    from tcmbench.cures.vectors.training_data import encoded
    from tcmbench.encoders.runtime.changed_vectors import text_digest, write_table

    (tuned,) = work.tuned
    texts = training_texts(work, cure="nudge")
    model = models.load(tuned, cache=work.cache, device=work.device)
    documents = encoded(model, texts.documents, role="document")
    train = encoded(model, texts.train.texts, role="query")
    digests = [text_digest(text) for text in texts.documents]
    own = _shared(nudge.directions(train, texts.train.relevant, documents=len(documents)), digests)
    towards = nudge.with_others(own, train, others=options.others)
    chosen = nudge.choose_bound(
        documents,
        towards,
        queries=encoded(model, texts.dev.texts, role="query"),
        relevant=texts.dev.relevant,
        order=texts.order,
        norm=options.norm,
        grid=nudge.GRID if options.bound is None else (0.0, options.bound),
    )
    bound = chosen.bound if options.bound is None else options.bound
    after = nudge.moved(documents, towards, bound=bound, norm=options.norm)
    rows = np.flatnonzero((after != documents).any(axis=1))
    copy_model(tuned, out)
    write_table(out / TABLE_FILE, digests=[digests[row] for row in rows.tolist()], vectors=after[rows])
    curve = dict(chosen.curve)
    return {
        "bound": bound,
        "chosen_on": texts.note if options.bound is None else "given",
        "moved_documents": len(rows),
        "documents": len(documents),
        "dev_ndcg_at_10": curve[bound],
        "dev_ndcg_at_10_before": curve[0.0],
    }


def _shared(towards: NDArray[np.float64], digests: Sequence[bytes]) -> NDArray[np.float64]:
    """Return the directions with those of documents of one text added up, as they are moved as one."""
    import numpy as np

    first: dict[bytes, int] = {}
    place = [first.setdefault(digest, row) for row, digest in enumerate(digests)]
    sums = np.zeros_like(towards)
    np.add.at(sums, place, towards)
    return sums[place]
