"""The network in ONNX Runtime, on the processor: in single precision, or with weights and products in int8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tcmbench.cures import copy_model
from tcmbench.encoders import onnx
from tcmbench.encoders._packages import require_packages
from tcmbench.forms._exportable import exported_settings
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.cures import CureWork
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
USES = (("encoders", "sentence_transformers"), ("encoders", "onnx"))
READS_DATA = False
LOADS_MODEL = False


class Options(PluginOptions):
    """The precision."""

    precision: Literal["float32", "int8"] = "float32"
    """int8: ONNX Runtime's dynamic quantisation, of weights once and of activations as texts are encoded."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return the encoder that runs the network in ONNX Runtime.

    Raises:
        SpecError: Several models, or one that can't be exported.
    """
    return exported_settings(base, count=count, options=options, form="onnx")


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the model with its network in ONNX.

    Raises:
        MissingExtra: ONNX, its scripts or ONNX Runtime aren't installed.
        SpecError: The model can't be exported.
    """
    require_packages("onnx", "onnxscript", "onnxruntime", "accelerate", extra="onnx", purpose="form onnx")
    from tcmbench.forms import _export

    (model,) = work.tuned
    copy_model(model, out)
    path = out / onnx.FILE
    opened = _export.export(model, path, form="onnx")
    difference = _export.checked(model, opened, onnx.network(path), form="onnx")
    if options.precision == "int8":
        _quantize(path)
    return {"difference of float32 from torch": f"{difference:.0e}"}


def _quantize(path: Path) -> None:
    """Round the weights of a network to int8, in place."""
    import onnx as library
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    network = library.load(path)
    # torch has optimised it already; ONNX Runtime would advise to do so.
    add_pre_process_metadata(network)
    quantize_dynamic(network, path, weight_type=QuantType.QInt8)
