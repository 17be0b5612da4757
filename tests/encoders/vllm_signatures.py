"""The signatures of what tcmbench calls of vLLM, as recorded in tests/golden; only the standard library is imported.

`python tests/encoders/vllm_signatures.py` prints those of the installed vLLM. To record another version's:
`make vllm-signatures`.
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parent.parent / "golden" / "vllm_signatures.json"

CALLS = {
    "LLM": ("vllm", "LLM"),
    "LLM.embed": ("vllm", "LLM.embed"),
    "LLM.classify": ("vllm", "LLM.classify"),
    "EngineArgs": ("vllm.engine.arg_utils", "EngineArgs"),
    "PoolingParams": ("vllm", "PoolingParams"),
    "PoolerConfig": ("vllm.config", "PoolerConfig"),
    "LoRARequest": ("vllm.lora.request", "LoRARequest"),
}
"""Name in the record → module and name within it."""


def measured() -> dict[str, Any]:
    """Return version and signatures of the installed vLLM: each parameter's name, kind and whether it is required."""
    calls = {}
    for name, (module, path) in CALLS.items():
        thing: Any = import_module(module)
        for part in path.split("."):
            thing = getattr(thing, part)
        calls[name] = [
            [parameter.name, parameter.kind.name, parameter.default is inspect.Parameter.empty]
            for parameter in inspect.signature(thing).parameters.values()
        ]
    return {"version": import_module("vllm").__version__, "calls": calls}


def recorded() -> dict[str, Any]:
    """Return the record."""
    content: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return content


def bind(name: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call by name.

    Raises:
        TypeError: vLLM would refuse the call.
    """
    calls = recorded()["calls"]
    parameters = [
        inspect.Parameter(
            parameter, inspect._ParameterKind[kind], default=inspect.Parameter.empty if is_required else None
        )
        for parameter, kind, is_required in calls[name]
    ]
    bound = inspect.Signature(parameters).bind(*args, **kwargs).arguments
    further = set(bound.pop("kwargs", {})) if name == "LLM" else set()
    unknown = further - {parameter for parameter, _, _ in calls["EngineArgs"]}
    if unknown:
        raise TypeError(f"EngineArgs.__init__() got an unexpected keyword argument {min(unknown)!r}")
    return {**bound, **{parameter: value for parameter, value in kwargs.items() if parameter in further}}


if __name__ == "__main__":
    json.dump(measured(), sys.stdout, indent=1)
    sys.stdout.write("\n")
