"""Completes folders that are not a complete model: an adapter merged into its base, a checkpoint with its tokenizer.

The result is a folder in the hub layout in the store, under the hash of its inputs; the original is unchanged.
"""

from __future__ import annotations

import fnmatch
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.checksums import tree_sha256
from tcmbench.errors import ModelAbsent, ParityError
from tcmbench.models import adapter_merge, hub_layout, pair_scores, swift_output
from tcmbench.models.folder import json_object, module_types
from tcmbench.models.model_files import require_whole
from tcmbench.store import key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.store import Json, Store

KIND = "completed"
"""Kind of artefact in the store."""

_STAGE = "completed 1"
_STAGE_OF_RERANKERS = "completed 2"
_ADAPTER = "adapter_config.json"
_OF_TRAINING = (
    "optimizer*", "scheduler*", "rng_state*", "training_args*", "trainer_state*", "args.json", "*.bin", "*.pt", "*.pth",
    "global_step*", "latest", "zero_to_fp32.py", "README.md",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A folder that lacks files of its base."""

    folder: Path
    """Adapter or checkpoint."""

    base: str
    """The base that it names: a folder or the name of a model on the hub; empty where it names none."""

    is_adapter: bool
    """Whether it contains only an adapter."""

    @property
    def has_modules(self) -> bool:
        """Whether it has pooling, prompts and length of its own, as an adapter that sentence-transformers has saved."""
        return (self.folder / "modules.json").is_file()


def unfinished(folder: Path) -> Unfinished | None:
    """Return the folder as an unfinished model; None for one that can be loaded.

    Raises:
        ModelAbsent: A configuration that isn't JSON.
    """
    settings = swift_output.arguments(folder)
    if (folder / _ADAPTER).is_file():
        named = json_object(folder / _ADAPTER).get("base_model_name_or_path")
        return Unfinished(folder, str(settings.get("model") or named or ""), is_adapter=True)
    if settings and not (folder / "modules.json").is_file():
        return Unfinished(folder, str(settings.get("model") or ""), is_adapter=False)
    return None


def complete(store: Store, source: Unfinished, origin: Model) -> Path:
    """Return the folder of the complete model, built once.

    Args:
        store: The store.
        source: The adapter or checkpoint.
        origin: Its base.

    Raises:
        ModelAbsent: The adapter doesn't fit the base, or has no safetensors.
        MissingExtra: PEFT isn't installed.
        ParityError: The merged adapter gives different results from the unmerged one.
    """
    inputs: dict[str, Json] = {
        "files": tree_sha256(sorted(_files(source)), root=source.folder),
        "base": origin.revision,
        "is_adapter": source.is_adapter,
    }
    if not (source.folder / "args.json").is_file() and (task := _task_type(source.folder)):
        inputs["task_type"] = task  # stated in the folder above
    name = key(_STAGE_OF_RERANKERS if origin.base.kind == "reranker" else _STAGE, inputs)
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            with store.build(KIND, name) as target:
                _build(source, origin, target)
    return store.path(KIND, name)


def _build(source: Unfinished, origin: Model, target: Path) -> None:
    if origin.model_dir is None:
        raise ModelAbsent(f"{source.folder}: its base {origin.name} has no weights here. Name another with tuned_from.")
    if source.is_adapter:
        adapter_merge.merge(source.folder, origin, origin.model_dir, target)
    else:
        _require_weights(source.folder)
        shutil.copytree(source.folder, target, ignore=shutil.ignore_patterns(*_OF_TRAINING), dirs_exist_ok=True)
    own = target / "own"
    shutil.copytree(source.folder, own, ignore=_all_but_tokenizer)
    hub_layout.copy_companions(origin.model_dir, target)
    shutil.copytree(
        own, target, dirs_exist_ok=True
    )  # a tokenizer that was trained with the weights replaces the base's
    shutil.rmtree(own)
    if source.has_modules:
        hub_layout.copy_modules(source.folder, target)
    elif origin.base.kind == "embedding":
        hub_layout.write_embedding_modules(target, base=origin.base, dimensions=_dimensions(target))
    else:
        _write_reranker_modules(source, origin, target)
    if origin.base.kind == "reranker":
        _require_same_scores(source, origin, origin.model_dir, target)


def _write_reranker_modules(source: Unfinished, origin: Model, target: Path) -> None:
    if pair_scores.is_cross_encoder(target):
        hub_layout.remove_modules(target)
        return
    is_head = _task_type(source.folder) == "reranker"
    if is_head or not (target / "modules.json").is_file():
        head = "classification" if is_head or pair_scores.has_one_label(target) else "generative"
        hub_layout.write_reranker_modules(
            target, base=origin.base, tokenizer=pair_scores.tokenizer_of(target), head=head
        )


def _require_same_scores(source: Unfinished, origin: Model, origin_dir: Path, target: Path) -> None:
    """Check that evaluation scores pairs as the network itself does, an adapter beside its base.

    Raises:
        ParityError: It doesn't: the folder is read in another way than the network was trained in.
    """
    import torch
    import transformers

    has_one_label = pair_scores.has_one_label(target)
    if source.is_adapter:
        network = adapter_merge.beside_base(source.folder, origin, origin_dir).base_model.model
    else:
        head = "AutoModelForSequenceClassification" if has_one_label else "AutoModelForCausalLM"
        opener = getattr(transformers, head)
        network = opener.from_pretrained(target, dtype=torch.float32, local_files_only=True, use_safetensors=True)
    tokenizer, instruction = pair_scores.tokenizer_of(target), origin.base.instruction
    answers = None if has_one_label else pair_scores.answers_of(tokenizer)
    expected = pair_scores.by_transformers(network.eval(), tokenizer, instruction=instruction, answers=answers)
    difference = float(abs(expected - pair_scores.by_evaluation(target, instruction=instruction)).max())
    if not difference <= adapter_merge.tolerance(network) * max(1.0, float(abs(expected).max())):
        raise ParityError(
            f"{source.folder}: completed with the files of {origin.name}, it scores pairs differently than its network "
            f"does (largest difference {difference:.2g}). Is {origin.name} the base that it was trained on?"
        )


def _require_weights(folder: Path) -> None:
    """Check what a checkpoint must bring, where its own path can be named.

    Raises:
        ModelAbsent: Weights are missing or damaged, or its configuration is.
    """
    found = [path for path in folder.glob("*.safetensors") if path.is_file()]
    if not found:
        raise ModelAbsent(f"{folder}: expected *.safetensors of a checkpoint. Save it with safetensors.")
    for path in found:
        require_whole(path)
    _dimensions(folder)


def _dimensions(folder: Path) -> int:
    """Return the length of the states of a network.

    Raises:
        ModelAbsent: Its configuration can't be read, or gives another kind of value.
    """
    size = json_object(folder / "config.json").get("hidden_size")
    if not isinstance(size, int):
        raise ModelAbsent(f"{folder / 'config.json'}: expected a number as hidden_size. Copy the file again.")
    return size


def _files(source: Unfinished) -> set[Path]:
    """Return the files that the complete model is built from: of a checkpoint, all that are copied."""
    folder = source.folder
    suffixes = {".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken"}
    own = {path for path in folder.iterdir() if path.is_file() and path.suffix in suffixes}
    if not source.is_adapter:
        return own | set(_copied(folder))
    places = [folder / path for path, _ in module_types(folder) if path]
    return own | {path for place in places for path in place.rglob("*") if path.is_file()}


def _copied(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in _OF_TRAINING):
            continue
        if path.is_dir():
            yield from _copied(path)
        elif path.is_file():
            yield path


def _task_type(folder: Path) -> str:
    """Return ms-swift's task of a training; empty where its arguments aren't there."""
    return str(swift_output.arguments(folder).get("task_type") or "")


def _all_but_tokenizer(_: str, names: list[str]) -> set[str]:
    kept = (
        "tokenizer",
        "special_tokens",
        "added_tokens",
        "vocab",
        "merges",
        "chat_template",
        "spiece",
        "sentencepiece",
    )
    return {name for name in names if not name.startswith(kept)}
