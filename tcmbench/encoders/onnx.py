"""Embedding models run by ONNX Runtime on the processor: made by the form `onnx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tcmbench.encoders import EMBEDS
from tcmbench.encoders._exported import ExportedEncoder, network_file, opened, require_int8
from tcmbench.encoders._exported_options import ExportedOptions
from tcmbench.encoders._packages import require_packages

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

FILE = "model.onnx"


class Options(ExportedOptions):
    """The network's precision, and batching of texts."""

    precision: Literal["float32", "int8"] = "float32"
    """Precision of the weights in the file. int8: activations are rounded to 256 steps, whose range is that of a
    whole batch; texts are then computed one by one, so that a vector doesn't depend on the others."""


def weight_files(model_dir: Path) -> list[Path]:
    """Return the files of the network; weights of more than 2 GB are beside it."""
    return sorted(model_dir.glob(f"{FILE}*"))


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> ExportedEncoder:
    """Return the encoder, with as many threads as torch has.

    Raises:
        MissingExtra: ONNX Runtime isn't installed. ModelAbsent: The folder has no exported network.
        EvaluationError: The processor would compute int8 in another way.
    """
    require_packages("onnxruntime", extra="onnx", purpose=f"base {base.name}: encoder onnx")
    path = network_file(base, model_dir, FILE)
    require_int8(base, options.precision)
    if options.precision == "int8":
        options = options.model_copy(update={"batch_tokens": 1})
    return ExportedEncoder(opened(base, path.parent), network(path), base=base, options=options, meta=meta)


def network(path: Path) -> Network:
    """Return the network in a file."""
    import onnxruntime
    import torch

    onnxruntime.disable_telemetry_events()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.inter_op_num_threads = 1
    # Threads sleep while they wait, as torch's do.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.use_deterministic_compute = True
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        (token_vectors,) = session.run(None, dict(inputs))
        computed: NDArray[np.float32] = token_vectors
        return computed

    return run
