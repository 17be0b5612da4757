"""Output of ms-swift: the checkpoint of an output folder, and the training arguments in its args.json."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from tcmbench import strict_json
from tcmbench.errors import ModelAbsent
from tcmbench.models.folder import at, json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.store import Json

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_BEST = re.compile(r"checkpoint-\d+|best-checkpoint")
_VERSION = re.compile(r"v(\d+)-\d{8}-\d{6}")
_KINDS = {"embedding": "embedding", "reranker": "reranker", "generative_reranker": "reranker"}

SETTINGS = (
    "tuner_type", "train_type", "task_type", "loss_type", "learning_rate", "num_train_epochs", "max_steps",
    "per_device_train_batch_size", "gradient_accumulation_steps", "max_length", "lora_rank", "lora_alpha", "seed",
)  # fmt: skip
"""Arguments of a training on a board; data sets are left out, since they are paths of another machine."""


def checkpoint(folder: Path) -> Path:
    """Return the checkpoint of a folder: itself, or of an output folder the best one, else the last.

    ms-swift records the best one in logging.jsonl where the training was evaluated. Of an output folder with
    several versions (`v0-…`, `v1-…`), the newest with a checkpoint is used.

    Raises:
        ModelAbsent: The best one was deleted: the last would be another model.
    """
    numbered = _numbered(folder, _CHECKPOINT)
    if numbered:
        noted = _noted_best(folder)
        # newer versions record a link, `best-checkpoint`
        best = at(folder / noted) if noted else None
        found = next((path for path in numbered if path.resolve() == best), None)
        if found is None and _BEST.fullmatch(noted):
            raise ModelAbsent(
                f"{folder}: its best checkpoint by logging.jsonl, {noted}, is gone. Name one of those that are left: "
                f"{', '.join(str(folder / path.name) for path in numbered)}."
            )
        return found or numbered[-1]
    for version in reversed(_numbered(folder, _VERSION)):
        if _numbered(version, _CHECKPOINT):
            return checkpoint(version)
    return folder


def arguments(checkpoint_dir: Path) -> Mapping[str, Json]:
    """Return the content of args.json, of the checkpoint or of its output folder; empty where there is none.

    Raises:
        ModelAbsent: The file isn't a JSON object.
    """
    for path in (checkpoint_dir / "args.json", checkpoint_dir.parent / "args.json"):
        is_around = path.parent == checkpoint_dir or _CHECKPOINT.fullmatch(checkpoint_dir.name)
        if is_around and path.is_file():
            return cast("Mapping[str, Json]", json_object(path))
    return {}


def kind(arguments: Mapping[str, Json]) -> str | None:
    """Return the kind of the trained model, as in a base; None where args.json doesn't contain it."""
    return _KINDS.get(str(arguments.get("task_type")))


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Return the non-empty folders of this name, by number."""
    if not folder.is_dir():
        return []
    numbered = [(int(match.group(1)), path) for path in folder.iterdir() if (match := pattern.fullmatch(path.name))]
    return [path for _, path in sorted(numbered) if path.is_dir() and any(path.iterdir())]


def _noted_best(folder: Path) -> str:
    """Return the name of the best checkpoint by the last line of logging.jsonl; empty where it has none."""
    path = folder / "logging.jsonl"
    if not path.is_file():
        return ""
    for line in reversed(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        try:
            entry = strict_json.loads(line)
        except (ValueError, RecursionError):
            continue
        best = entry.get("best_model_checkpoint") if isinstance(entry, dict) else None
        if isinstance(best, str) and best.isprintable():
            return best.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return ""
