"""The dev margin of a training by sentence-transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.trainers._runtime.margin import mean_margin
from tcmbench.trainers._runtime.train_file import read_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from tcmbench.trainers._runtime.job_file import Work


def evaluator(work: Work) -> Any:
    """Return an evaluator that measures the margin on the dev examples.

    Raises:
        ValueError: The training has no dev file.
    """
    import numpy as np
    from sentence_transformers.base.evaluation import BaseEvaluator

    if work.dev_file is None:
        raise ValueError("expected a dev file")
    rows = list(read_rows(work.dev_file))
    documents = [text for row in rows for text in (row.positive, *row.negatives)]

    class DevMargin(BaseEvaluator):
        """Measures `mean_margin`."""

        def __call__(self, model: SentenceTransformer, *_: object, **__: object) -> dict[str, float]:
            texts = [row.query for row in rows] + documents
            # Texts of a training file include their prompts.
            vectors = model.encode(texts, prompt="", batch_size=work.variant.training.batch_size)
            vectors = np.asarray(vectors, dtype=np.float32)
            grouped = vectors[len(rows) :].reshape(len(rows), -1, vectors.shape[1])
            margin = mean_margin(vectors[: len(rows)], grouped)
            return {} if margin is None else {"margin": margin}

    return DevMargin()
