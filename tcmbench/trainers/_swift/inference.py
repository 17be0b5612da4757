"""Vectors and scores of the canary texts by ms-swift's own inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.models.canaries import DOCUMENTS, QUERIES
from tcmbench.trainers._runtime.parity import canary_texts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base
    from tcmbench.trainers._swift.model_types import ModelType


def swift_numbers(
    model_dir: Path, *, base: Base, model_type: ModelType, task_type: str, adapter: Path | None
) -> NDArray[np.float32]:
    """Return vectors or logits by ms-swift's own inference, from the base and adapter or a full checkpoint."""
    import numpy as np
    import torch
    from swift.infer_engine import InferRequest, TransformersEngine
    from swift.model.register import ModelLoader

    from tcmbench.trainers._swift.plugin import encoder_types

    encoder_types.register()
    ModelLoader.default_trust_remote_code = base.trust_remote_code
    engine = TransformersEngine(
        str(model_dir),
        model_type=model_type.name,
        task_type=task_type,
        adapters=[str(adapter)] if adapter else None,
        torch_dtype=torch.float32,
        # ms-swift pads on the left here, which moves the positions of an encoder.
        max_batch_size=2 if model_type.network == "AutoModelForCausalLM" else 1,
        reranker_use_activation=False,
        **({"num_labels": 1} if task_type == "reranker" else {}),
    )
    if task_type == "embedding":
        requests = [InferRequest(messages=[{"role": "user", "content": text}]) for text in canary_texts(base)]
        return np.array([answer.data[0].embedding for answer in engine.infer(requests)], dtype=np.float32)
    system = [{"role": "system", "content": base.instruction}] if base.instruction else []
    requests = [
        InferRequest(
            messages=[
                *system,
                {"role": "user", "content": query},
                {"role": "assistant", "content": document},
            ]
        )
        for query, document in zip(QUERIES, DOCUMENTS, strict=True)
    ]
    return np.array([answer.choices[0].message.content for answer in engine.infer(requests)], dtype=np.float32).reshape(
        -1
    )
