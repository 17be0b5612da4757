"""The network in OpenVINO, on the processor: in single precision, computed in bfloat16, or with weights in int8."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tcmbench.cures import copy_model
from tcmbench.encoders import openvino
from tcmbench.encoders._packages import require_packages
from tcmbench.forms._exportable import exported_settings
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.cures import CureWork
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
USES = (("encoders", "sentence_transformers"), ("encoders", "openvino"))
READS_DATA = False
LOADS_MODEL = False


class Options(PluginOptions):
    """The precision."""

    precision: Literal["f32", "bf16", "int8"] = "f32"
    """f32 and bf16: INFERENCE_PRECISION_HINT. int8: weights of matrices and tables in int8, by NNCF."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the encoder that runs the network in OpenVINO.

    Raises:
        SpecError: Several models, or one that can't be exported.
    """
    return exported_settings(base, count=count, options=options, form="openvino")


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with its network in OpenVINO's format.

    Raises:
        MissingExtra: OpenVINO, NNCF or what exports the network isn't installed.
        SpecError: The model can't be exported.
    """
    require_packages("onnx", "onnxscript", "openvino", "accelerate", extra="openvino", purpose="form openvino")
    if options.precision == "int8":
        require_packages("nncf", extra="openvino", purpose="form openvino: int8")
    from openvino import Core, save_model

    from tcmbench.forms import _export

    (model,) = work.tuned
    copy_model(model, out)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        path = Path(folder) / "network.onnx"
        opened = _export.export(model, path, form="openvino")
        network = Core().read_model(path)
        difference = _export.checked(model, opened, openvino.network(network, "f32"), form="openvino")
        if options.precision == "int8":
            network = _compressed(network)
        for place, operation in enumerate(network.get_ordered_ops()):
            # By default a constant is named by a counter of the process, and equal networks would be unequal files.
            operation.set_friendly_name(f"{operation.get_type_name()}_{place}")
        save_model(network, out / openvino.FILE, compress_to_fp16=False)
    return {"difference of f32 from torch": f"{difference:.0e}"}


def _compressed(network: Any) -> Any:
    """Return a network with its weights in int8, each row with a range of its own."""
    # Without it, NNCF reports its use over the network.
    os.environ.setdefault("NNCF_CI", "1")
    with contextlib.redirect_stdout(io.StringIO()):  # a table and a bar of progress
        import nncf

        return nncf.compress_weights(network, mode=nncf.CompressWeightsMode.INT8_ASYM)
