"""The files of a model's folder that a loader may read, with checks that their hash covers the model.

Every file counts unless it is known to be irrelevant: a file that a loader reads and the revision leaves out would give
different models the same revision.
"""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.errors import ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEVER_READ = (
    "README*", "*.md", "LICENSE*", "NOTICE*", ".git*", "*.png", "*.jpg", "*.jpeg", "*.svg", "*.gif", "*.pdf", "*.log",
    "*.csv", "args.json", "logging.jsonl", "outcome.json", "trainer_state.json", "training_*", "all_results.json",
    "train_results.json", "eval_results.json", "optimizer*", "scheduler*", "rng_state*", "events.out.*", "*.lock",
)  # fmt: skip
"""Model cards, images, logs and the state of a training."""

_NEVER_READ_FOLDERS = frozenset({"runs", "images", "onnx", "openvino", ".cache", "__pycache__"})
"""Logs, and folders of weights in other formats, which no encoder here looks into."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_NO_PICKLE = "openvino_model.bin"
"""Plain numbers beside openvino_model.xml, which encoder openvino reads."""

_LFS = b"version https://git-lfs"
_LENGTH = 8
_LONGEST_HEADER = 100 << 20


def relevant(model_dir: Path) -> dict[str, Path]:
    """Return name → path of all files that a loader may read, names relative to the folder, following links.

    Raises:
        ModelAbsent: An adapter without its base, weights only as pickles, damaged safetensors, or code from elsewhere.
    """
    files = {path.relative_to(model_dir).as_posix(): path for path in _walk(model_dir)}
    if "adapter_config.json" in files:
        raise ModelAbsent(
            f"{model_dir}: this is a PEFT adapter, whose base is another folder that its hash wouldn't cover. Merge it "
            "first: python -c \"from peft import AutoPeftModel as M; M.from_pretrained('ADAPTER').merge_and_unload()"
            ".save_pretrained('MERGED')\", and copy the base's tokenizer and modules.json beside it."
        )
    pickles = sorted(name for name, path in files.items() if _is_pickle(path.name))
    tensors = {name: path for name, path in files.items() if path.suffix == ".safetensors"}
    if not tensors:
        came = f"only pickles ({', '.join(pickles)}), which could run code" if pickles else "no weights"
        raise ModelAbsent(f"{model_dir}: expected *.safetensors, got {came}. Convert or download them as safetensors.")
    alone = [name for name in pickles if not any(Path(t).parent == Path(name).parent for t in tensors)]
    if alone:
        raise ModelAbsent(
            f"{model_dir}: expected *.safetensors in every part of the model, got only pickles in {', '.join(alone)}, "
            "which could run code. Convert them to safetensors (with sentence-transformers: load and save the model)."
        )
    for path in tensors.values():
        require_whole(path)
    _refuse_code_from_elsewhere(model_dir)
    return {name: path for name, path in files.items() if name not in set(pickles)}


def may_be_read(name: str) -> bool:
    """Return whether a loader may read a file of this name, relative to the folder of the model."""
    *folders, last = name.split("/")
    is_irrelevant = any(fnmatch.fnmatch(last, pattern) for pattern in _NEVER_READ)
    return _NEVER_READ_FOLDERS.isdisjoint(folders) and not is_irrelevant and not _is_pickle(last)


def _is_pickle(name: str) -> bool:
    return name != _NO_PICKLE and any(fnmatch.fnmatch(name, pattern) for pattern in _PICKLES)


def _walk(folder: Path) -> Iterator[Path]:
    visited: set[str] = set()
    for current, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in visited:  # a link to a folder above itself
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if name not in _NEVER_READ_FOLDERS)
        for name in sorted(names):
            path = Path(current) / name
            if path.is_file() and not any(fnmatch.fnmatch(name, pattern) for pattern in _NEVER_READ):
                yield path


def require_whole(path: Path) -> None:
    """Check that a safetensors file has the length in its header.

    Raises:
        ModelAbsent: It is a Git LFS pointer, truncated, or not a safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(max(_LENGTH, len(_LFS)))
        if start.startswith(_LFS):
            raise ModelAbsent(
                f"{path}: expected weights, got a Git LFS pointer of {size} bytes. Fetch the file itself: "
                "git lfs pull, or hf download."
            )
        length = int.from_bytes(start[:_LENGTH], "little")
        if length > min(size, _LONGEST_HEADER):
            raise ModelAbsent(f"{path}: expected a safetensors file, got {size} bytes without its header. {_AGAIN}")
        file.seek(_LENGTH)
        try:
            header = strict_json.loads(file.read(length))
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelAbsent(f"{path}: expected a safetensors file, but its header can't be read. {_AGAIN}") from error
    if _LENGTH + length + end != size:
        raise ModelAbsent(
            f"{path}: expected {_LENGTH + length + end} bytes by its header, got {size}: the file is truncated or "
            f"damaged. {_AGAIN}"
        )


_AGAIN = "Copy or download it again."


def _refuse_code_from_elsewhere(model_dir: Path) -> None:
    """Check that the code named in a configuration is in the folder, where it is hashed.

    Raises:
        ModelAbsent: `auto_map` names a file of another repository.
    """
    path = model_dir / "config.json"
    if not path.is_file():
        return
    try:
        config = strict_json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelAbsent(f"{path}: expected JSON, but: {error}. {_AGAIN}") from error
    named = config.get("auto_map", {}) if isinstance(config, dict) else {}
    elsewhere = sorted(str(v) for v in named.values() if "--" in str(v)) if isinstance(named, dict) else []
    if elsewhere:
        raise ModelAbsent(
            f"{path}: its code is in another repository ({', '.join(elsewhere)}), so it can change under the same "
            "files. Copy the .py files into the folder and name them in `auto_map` without the repository."
        )
