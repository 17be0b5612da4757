"""Embedding models run by OpenVINO on the processor: made by the form `openvino`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tcmbench.encoders import EMBEDS
from tcmbench.encoders._exported import ExportedEncoder, network_file, opened, require_int8
from tcmbench.encoders._exported_options import ExportedOptions
from tcmbench.encoders._packages import require_packages
from tcmbench.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.encoders._exported import Network
    from tcmbench.specs.base import Base

REVISION = "1"
USES = (("encoders", "sentence_transformers"),)
ABILITIES = {"embedding": EMBEDS}
WEIGHTS = "folder"

FILE = "openvino_model.xml"
WEIGHTS_FILE = "openvino_model.bin"

_GROUP = {"f32": 0, "bf16": 0, "int8": 32}
"""Precision → values of activations that are rounded together; 0 for none."""

_COMPUTED = {"f32": "f32", "bf16": "bf16", "int8": "f32"}
"""Precision → INFERENCE_PRECISION_HINT; without one, OpenVINO takes what is fastest on the processor."""


class Options(ExportedOptions):
    """The precision, and batching of texts."""

    precision: Literal["f32", "bf16", "int8"] = "f32"
    """f32, bf16: precision of the computation. int8: weights in one byte, and activations rounded to bytes in groups of
    32 values of a token."""


def weight_files(model_dir: Path) -> list[Path]:
    """Return the files of the network."""
    return [model_dir / FILE, model_dir / WEIGHTS_FILE]


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> ExportedEncoder:
    """Return the encoder, with as many threads as torch has.

    Raises:
        MissingExtra: OpenVINO isn't installed. ModelAbsent: The folder has no exported network.
        EvaluationError: The processor doesn't compute in this precision.
    """
    require_packages("openvino", extra="openvino", purpose=f"base {base.name}: encoder openvino")
    import openvino

    path = network_file(base, model_dir, FILE)
    require_int8(base, options.precision)
    compiled = network(openvino.Core().read_model(path), options.precision)
    return ExportedEncoder(opened(base, path.parent), compiled, base=base, options=options, meta=meta)


def network(model: Any, precision: str) -> Network:
    """Return the compiled network.

    Raises:
        EvaluationError: The processor doesn't compute in this precision; OpenVINO would silently take another.
    """
    import openvino
    import torch

    hint = _COMPUTED[precision]
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP[precision],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != hint:
        raise EvaluationError(
            f"encoder openvino: expected a processor that computes in {hint}, but OpenVINO computes in {taken} on this "
            'one. Measure it on a processor with AVX512-BF16 or AMX, or set precision = "f32".'
        )

    def run(inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        computed: NDArray[np.float32] = compiled(dict(inputs))[0]
        return computed

    return run
