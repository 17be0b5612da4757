"""The environment that processes of a job on another node get from the run: theirs is that of `ray start`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tcmbench import processor, redaction
from tcmbench.errors import TcmbenchError
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

_NAMES = frozenset(
    {
        "PYTHONPATH", "PYTHONHASHSEED", "XDG_CACHE_HOME", "TORCH_HOME", "MODELSCOPE_CACHE", "CUBLAS_WORKSPACE_CONFIG",
        "CUDA_DEVICE_ORDER", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANG", "LC_ALL", "TZ", "HTTP_PROXY",
        "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", processor.THREADS,
    }
)  # fmt: skip
_BEGINNINGS = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TOKENIZERS_", "MTEB_", "TCMBENCH_", "OMP_", "KMP_", "VLLM_")
"""Caches, offline switches, determinism, threads and proxies."""


def variables() -> dict[str, str]:
    """Return the variables that a worker starts with; no secret is among them, as Ray's dashboard shows them."""
    sent = {name: value for name, value in _relevant() if not _is_secret(name, value)}
    return {**sent, processor.WAITING: os.environ.get(processor.WAITING) or "passive"}


def keys(workspace: Workspace) -> dict[str, str]:
    """Return the secrets that jobs need: the hub's token, proxies with passwords, keys of servers that bases name."""
    sent = {name: value for name, value in _relevant() if _is_secret(name, value)}
    specs = [base for _, base in workspace.specs(Base) if not isinstance(base, TcmbenchError)]
    named = {str(base.options.get("api_key_env") or "") for base in specs}
    return {**sent, **{name: os.environ[name] for name in sorted(named) if name in os.environ}}


def _relevant() -> list[tuple[str, str]]:
    found = os.environ.items()
    return [(name, value) for name, value in found if name in _NAMES or name.startswith(_BEGINNINGS)]


def _is_secret(name: str, value: str) -> bool:
    return bool(redaction.record({name: value}) != {name: value})
