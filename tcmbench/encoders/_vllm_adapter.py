"""A LoRA adapter that vLLM applies to the weights of its base: what of it vLLM supports, and its hash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import strict_json
from tcmbench.checksums import settled_sha256
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.store import key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.specs.base import Base

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM has room for (`vllm.config.lora.MaxLoRARanks`)."""


def adapter_hash(folder: str) -> str:
    """Return the hash of an adapter's settings and weights.

    Raises:
        ModelAbsent: A file is missing.
    """
    return key("adapter", {name: settled_sha256(_file(folder, name)) for name in (_CONFIG, _WEIGHTS)})


def lora_arguments(base: Base, folder: str, *, engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `vllm.LLM` that an adapter needs, as far as the user doesn't set them.

    Raises:
        ModelAbsent: A file is missing or isn't JSON. SpecError: vLLM can't apply this kind of adapter.
    """
    _file(folder, _WEIGHTS)
    path = _file(folder, _CONFIG)
    try:
        config = strict_json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelAbsent(f"{path}: expected JSON, but: {error}. Copy the file again.") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise SpecError(f"base {base.name}: {path}: expected a LoRA adapter of PEFT. Merge others into their base.")
    if config.get("modules_to_save"):
        raise SpecError(
            f"base {base.name}: {path} has whole modules beside LoRA ({config['modules_to_save']}), which vLLM doesn't "
            f"apply as PEFT does. Name the adapter by `path` in place of `adapter`: it is then merged."
        )
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and 0 < rank <= _RANKS[-1] for rank in ranks):
        raise SpecError(f"base {base.name}: {path}: expected ranks from 1 to {_RANKS[-1]}, got {ranks}.")
    room = next(rank for rank in _RANKS if rank >= max(ranks))
    return {"enable_lora": True, "max_lora_rank": max(room, int(engine.get("max_lora_rank", 0)))}


def _file(folder: str, name: str) -> Path:
    path = Path(folder).expanduser() / name
    if not path.is_file():
        raise ModelAbsent(
            f"{path} is missing: `adapter` is the folder of a LoRA adapter, with {_CONFIG} and {_WEIGHTS}."
        )
    return path
