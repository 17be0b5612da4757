"""Embedding models whose network runs on the processor in another engine than torch: encoders `onnx` and `openvino`.

Texts are tokenised, token vectors pooled and vectors normalised by sentence-transformers, as for every other model. The
engine gets token ids and returns token vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcmbench import processor
from tcmbench.encoders import sentence_transformers
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.encoders.runtime.without_weights import without_weights
from tcmbench.encoders.sentence_transformers import SentenceTransformersEncoder
from tcmbench.errors import EvaluationError, ModelAbsent
from tcmbench.records.provenance import encoding_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.encoders._exported_options import ExportedOptions
    from tcmbench.specs.base import Base

    Network = Callable[[Mapping[str, NDArray[np.int64]]], NDArray[np.float32]]
    """Maps the inputs of a batch, (texts, tokens), by their names to token vectors, (texts, tokens, dimensions)."""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Inputs of networks, in the names of transformers; not every network has the last."""


class ExportedEncoder(SentenceTransformersEncoder):
    """An embedding model that is tokenised and pooled here and computed by another engine."""

    def __init__(self, model: Any, network: Network, *, base: Base, options: ExportedOptions, meta: ModelMeta) -> None:
        """Wrap a network; `model` is that of sentence-transformers, without its weights."""
        plain = sentence_transformers.Options(batch_tokens=options.batch_tokens)
        super().__init__(model, base=base, options=plain, meta=meta)
        self.dtype = options.dtype
        self.computed_with = encoding_versions("onnxruntime", "openvino")
        self._network = network

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, float32, (len(texts), dimensions), as one batch; prompts are in the text."""
        return vectors(self.model, self._network, texts)


def vectors(model: Any, network: Network, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return one vector per text, float32, (len(texts), dimensions).

    Args:
        model: Model of sentence-transformers, with tokenizer and pooling.
        network: Computes its token vectors.
        texts: Texts with their prompts.
    """
    import numpy as np
    import torch

    transformer, *others = model
    # Prompts are part of the text; a default prompt of the model's folder must not be added.
    features = model.preprocess(list(texts), prompt="")
    inputs = {name: features[name].numpy() for name in INPUTS if name in features}
    with torch.inference_mode():
        features[transformer.module_output_name] = torch.from_numpy(network(inputs))
        for module in others:
            features = module(features)
    return np.asarray(features["sentence_embedding"].numpy(), dtype=np.float32)


def network_file(base: Base, model_dir: Path | None, name: str) -> Path:
    """Return the file of an exported network in a folder.

    Raises:
        ModelAbsent: There is none.
    """
    if model_dir is None or not (model_dir / name).is_file():
        raise ModelAbsent(
            f"base {base.name}: expected {name} in {model_dir}, got none. Encoder {base.encoder} runs the models that "
            f'a [[form]] with form = "{base.encoder}" makes (docs/forms.md).'
        )
    return model_dir / name


def require_int8(base: Base, precision: str) -> None:
    """Refuse int8 where the engine would compute it in another way, to other numbers under the same revision.

    Raises:
        EvaluationError: The processor doesn't multiply bytes.
    """
    if precision == "int8" and not processor.multiplies_bytes():
        raise EvaluationError(
            f"base {base.name}: expected a processor with AVX512-VNNI, on which int8 is the same everywhere; this one "
            "has none, and its vectors would be others. Measure it elsewhere, or take another precision."
        )


def opened(base: Base, model_dir: Path) -> Any:
    """Return the model of sentence-transformers, without its weights."""
    with without_weights():
        return open_model(model_dir, base, device="meta")
