"""Provenance of a result: command, packages, commit, hardware, time and memory."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from tcmbench import redaction
from tcmbench.records.score import ENCODING, Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_PACKAGES = (
    "tcmbench", "mteb", "sentence-transformers", "transformers", "tokenizers", "torch", "numpy", "bm25s", "jieba",
    "scikit-learn", "faiss-cpu", "ms-swift", "peft", "flash-attn", "onnx", "onnxscript", "onnxruntime", "openvino",
    "nncf", "model2vec", "skeletoken",
)  # fmt: skip


def provenance(
    root: Path,
    *,
    seconds: float,
    seed: int = 0,
    encoded_texts: int = 0,
    encoded_tokens: int = 0,
    others: Mapping[str, str] | None = None,
) -> Provenance:
    """Return the provenance of a result that this process just computed.

    Args:
        root: Folder of the workspace.
        seconds: Wall time.
        seed: Of the training.
        encoded_texts: Texts that were encoded for it.
        encoded_tokens: Their tokens.
        others: Package → version of what a process in another environment computed with.
    """
    return Provenance(
        command=command(),
        packages={**package_versions(), **(others or {})},
        commit=commit(root),
        hardware=hardware(),
        seconds=round(seconds, 3),
        peak_memory_mib=peak_memory_mib(),
        seed=seed,
        encoded_texts=encoded_texts,
        encoded_tokens=encoded_tokens,
    )


def command() -> str:
    """Return this process's command line, without the folder of the program and without secrets."""
    folder, _, program = sys.argv[0].replace("\\", "/").rpartition("/")
    started = ["python", "-m", folder.rpartition("/")[2]] if program == "__main__.py" else [program]
    return redaction.text(shlex.join([*started, *sys.argv[1:]]))


@functools.cache
def _package_versions() -> tuple[tuple[str, str], ...]:
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return (("python", platform.python_version()), *found)


def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages that can change a score."""
    return dict(_package_versions())


def encoding_versions(*more: str) -> dict[str, str]:
    """Return the versions of the installed packages that the vectors of a model with weights depend on.

    Args:
        more: Further packages that compute the model.
    """
    return {name: version for name, version in _package_versions() if name in {*ENCODING, *more}}


def merged_versions(packages: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return package → version; where the versions of several results differ, all are listed."""
    seen: dict[str, set[str]] = {}
    for versions in packages:
        for name, version in versions.items():
            seen.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(seen.items())}


@functools.cache
def commit(root: Path) -> str:
    """Return the commit of the workspace, with `+dirty` when it has changes; empty outside git."""
    return present_commit(root)


def present_commit(root: Path, *, without: Sequence[str] = ()) -> str:
    """Return the same, computed now.

    Args:
        root: Folder of the workspace.
        without: Folders whose changes don't count, such as those of results.
    """
    counted = ["--", ".", *(f":(exclude){folder}" for folder in without)] if without else []
    try:
        head = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        changes = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no", *counted],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + ("+dirty" if changes else "")


@functools.cache
def hardware() -> str:
    """Return the GPU where torch has one, else the processor."""
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            return f"{torch.cuda.device_count()} × {torch.cuda.get_device_name(0)}"
    import os

    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def peak_memory_mib() -> float:
    """Return the largest resident memory of this process so far."""
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
