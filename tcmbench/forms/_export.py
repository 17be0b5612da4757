"""Export of a model's network to ONNX by torch, compared with the network itself.

What is exported maps token ids to token vectors; tokenizer, pooling and normalisation stay those of the folder.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tcmbench.encoders._exported import INPUTS, vectors
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.errors import SpecError
from tcmbench.forms._exportable import require_whole

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.encoders._exported import Network
    from tcmbench.records.model import Model

_TEXTS = ("头痛发热三日，恶寒无汗。", "咳嗽")
"""Two texts of different length, so that the export sees padding."""

_CHECKED = ("腰膝酸软", "胃脘隐痛，喜温喜按，食少便溏，" * 8, "a", "头晕耳鸣，少寐多梦。")
"""Texts, in other numbers and lengths, whose vectors the exported network has to give."""

_TOLERANCE = 1e-4
"""Largest difference of a vector's value from torch's, as a share of the largest value; rounding leaves about 1e-6."""


class _TokenVectors(torch.nn.Module):
    """A network of transformers with one output."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the token vectors, (texts, tokens, dimensions)."""
        segments = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        outputs = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True, **segments)
        computed: torch.Tensor = outputs.last_hidden_state
        return computed


def export(model: Model, path: Path, *, form: str) -> Any:
    """Write the network of a model as ONNX, and return the model as sentence-transformers opens it.

    Raises:
        SpecError: It has parts that no engine runs, or torch can't export its network.
    """
    if model.model_dir is None:
        raise ValueError(f"{model.name} has no folder")
    opened = open_model(model.model_dir, model.base, device="cpu")
    require_whole(opened, model, form=form)
    network = opened[0].auto_model.eval()
    features = opened.preprocess(list(_TEXTS), prompt="")
    inputs = {name: features[name] for name in INPUTS if name in features}
    sizes = {name: {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for name in inputs}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _TokenVectors(network).eval(),
                kwargs=inputs,
                dynamo=True,
                verbose=False,
                input_names=list(inputs),
                output_names=["token_vectors"],
                dynamic_shapes=sizes,
            )
    except torch.onnx.OnnxExporterError as error:
        raise _refusal(form, model, f"torch can't export its network, a {type(network).__name__}") from error
    if program is None:
        raise ValueError("torch returned no program")
    # They name the files of this machine, and would make the same network another one elsewhere.
    for graph in program.model.graphs():
        for node in graph:
            node.metadata_props.clear()
    program.save(path)
    return opened


def checked(model: Model, opened: Any, network: Network, *, form: str) -> float:
    """Return the largest difference of the exported network's vectors from torch's, as a share of the largest value.

    Raises:
        SpecError: It is more than rounding.
    """
    expected = opened.encode(list(_CHECKED), prompt="", batch_size=len(_CHECKED), show_progress_bar=False)
    difference = np.abs(vectors(opened, network, _CHECKED) - expected).max() / np.abs(expected).max()
    if not difference <= _TOLERANCE:
        raise _refusal(form, model, f"its exported network differs from the one in torch by {difference:.1e}")
    return float(difference)


def _refusal(form: str, model: Model, why: str) -> SpecError:
    return SpecError(
        f"form {form}: {model.name}: {why}. Tried were networks of BERT, XLM-RoBERTa, Qwen2 and Qwen3. Use form "
        "weights for half precision, or form vectors for smaller vectors."
    )
