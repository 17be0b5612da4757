"""Logits of a reranker on the canary pairs: by transformers alone, and as evaluation computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench.models.canaries import DOCUMENTS, QUERIES, pair_inputs
from tcmbench.models.folder import json_object

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def answers_of(tokenizer: Any) -> tuple[int, int]:
    """Return the ids of yes and no, by which a decoder with a language head judges a pair."""
    return tokenizer.convert_tokens_to_ids("yes"), tokenizer.convert_tokens_to_ids("no")


def by_transformers(
    model: Any, tokenizer: Any, *, instruction: str, answers: tuple[int, int] | None
) -> NDArray[np.float32]:
    """Return the logit of each canary pair by transformers: one pair at a time, no padding.

    Args:
        model: With a language head or a one-label head.
        tokenizer: With the chat template, where the model reads one.
        instruction: That of the chat template.
        answers: Ids of yes and no, or None for a one-label head.
    """
    import numpy as np
    import torch

    scores = []
    with torch.inference_mode():
        for query, document in zip(QUERIES, DOCUMENTS, strict=True):
            inputs = pair_inputs(tokenizer, query, document, instruction=instruction)
            tensors = {name: torch.tensor([ids], device=model.device) for name, ids in inputs.items()}
            logits = model(**tensors).logits[0].float()
            score = logits[0] if answers is None else logits[-1, answers[0]] - logits[-1, answers[1]]
            scores.append(float(score))
    return np.array(scores, dtype=np.float32)


def by_evaluation(folder: Path, *, instruction: str) -> NDArray[np.float32]:
    """Return the logit of each canary pair as evaluation computes it, in float32."""
    import numpy as np
    import torch
    from sentence_transformers import CrossEncoder

    reranker = CrossEncoder(
        str(folder), local_files_only=True, model_kwargs={"dtype": torch.float32, "use_safetensors": True}
    )
    pairs = list(zip(QUERIES, DOCUMENTS, strict=True))
    scores = reranker.predict(pairs, prompt=instruction or None, activation_fn=torch.nn.Identity())
    return np.asarray(scores, dtype=np.float32).reshape(-1)


def is_cross_encoder(folder: Path) -> bool:
    """Return whether a reranker's network reads a pair as its tokenizer joins it: an encoder, no language model."""
    from transformers.models.auto import modeling_auto as known

    kind = json_object(folder / "config.json").get("model_type")
    return kind in known.MODEL_FOR_MASKED_LM_MAPPING_NAMES or kind not in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def has_one_label(folder: Path) -> bool:
    """Return whether a network has a head for classes, of a reranker one."""
    listed = json_object(folder / "config.json").get("architectures")
    return isinstance(listed, list) and any(str(name).endswith("ForSequenceClassification") for name in listed)


def tokenizer_of(folder: Path) -> Any:
    """Return the tokenizer of a folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
