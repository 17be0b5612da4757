"""Completes folders that are not a complete model: merges a PEFT adapter into its base, adds a base's tokenizer.

The result is a folder in the hub layout in the store, under the hash of its inputs; the original is unchanged.
"""

from __future__ import annotations

import fnmatch
import shutil
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcmbench import faults
from tcmbench.checksums import tree_sha256
from tcmbench.errors import MissingExtra, ModelAbsent, ParityError
from tcmbench.models import canaries, hub_layout, swift_output
from tcmbench.models.folder import json_object, module_types
from tcmbench.models.model_files import require_whole
from tcmbench.store import key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.records.model import Model
    from tcmbench.store import Json, Store

KIND = "completed"
"""Kind of artefact in the store."""

_STAGE = "completed 1"
_ADAPTER = "adapter_config.json"
_OF_TRAINING = (
    "optimizer*", "scheduler*", "rng_state*", "training_args*", "trainer_state*", "args.json", "*.bin", "*.pt", "*.pth",
    "global_step*", "latest", "zero_to_fp32.py", "README.md",
)  # fmt: skip
_LARGE = 1_500_000_000
"""Number of parameters from which merged weights are stored in bfloat16, like those of a tuned model."""

_TOLERANCE = 1e-4
"""Tolerance between the states of the merged and the unmerged network, of unit length, in float32."""

_HALF_TOLERANCE = 2e-2

_MARKS = (".lora_", ".modules_to_save", ".ia3_", ".oft_", ".boft_", ".hada_", ".lokr_", ".vera_")
"""Suffixes of an adapter's weight after the name of its module; other weights replace the base's."""


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
    name = key(_STAGE, inputs)
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            with store.build(KIND, name) as target:
                _build(source, origin, target)
    return store.path(KIND, name)


def _build(source: Unfinished, origin: Model, target: Path) -> None:
    if origin.model_dir is None:
        raise ModelAbsent(f"{source.folder}: its base {origin.name} has no weights here. Name another with tuned_from.")
    if source.is_adapter:
        _merge(source.folder, origin, origin.model_dir, target)
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
    else:
        _write_modules(source, origin, target)


def _write_modules(source: Unfinished, origin: Model, target: Path) -> None:
    if origin.base.kind == "embedding":
        hub_layout.write_embedding_modules(target, base=origin.base, dimensions=_dimensions(target))
        return
    from transformers import AutoTokenizer

    is_head = _task_type(source.folder) == "reranker"
    if is_head or not (target / "modules.json").is_file():
        tokenizer = AutoTokenizer.from_pretrained(target, local_files_only=True)
        head = "classification" if is_head or _has_one_label(target) else "generative"
        hub_layout.write_reranker_modules(target, base=origin.base, tokenizer=tokenizer, head=head)


def _has_one_label(folder: Path) -> bool:
    listed = json_object(folder / "config.json").get("architectures")
    return isinstance(listed, list) and any(str(name).endswith("ForSequenceClassification") for name in listed)


def _merge(adapter: Path, origin: Model, origin_dir: Path, target: Path) -> None:
    """Write the network with the adapter merged into it, and check that the results equal those of the unmerged one."""
    try:
        from peft import PeftModel, load_peft_weights
    except ImportError as error:
        raise MissingExtra.of("peft", "train", purpose=f"merging the adapter {adapter}") from error
    import torch
    from transformers import AutoTokenizer

    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelAbsent(f"{adapter}: expected adapter_model.safetensors. Save the adapter with safe_serialization.")
    require_whole(adapter / "adapter_model.safetensors")
    names = sorted(load_peft_weights(str(adapter), device="cpu"))
    network = _network(origin_dir, names, adapter)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT's warnings are errors below
            adapted = PeftModel.from_pretrained(network, str(adapter), is_trainable=False).eval()
    except Exception as error:  # PEFT raises whatever its configuration leads to
        raise faults.translated(error, what=str(adapter)) or ModelAbsent(
            f"{adapter / _ADAPTER}: PEFT can't use it with these weights: {type(error).__name__}: "
            f"{faults.words_of(error)}. Copy the complete adapter again."
        ) from error
    _require_all_used(adapted, names, adapter)
    tokenizer = AutoTokenizer.from_pretrained(origin_dir, local_files_only=True)
    before = _states(_backbone(adapted.base_model.model), tokenizer)
    merged = adapted.merge_and_unload()
    large = sum(p.numel() for p in merged.parameters()) > _LARGE
    merged.to(torch.bfloat16 if large else torch.float32).save_pretrained(target)
    after = _states(_backbone(type(merged).from_pretrained(target, dtype=torch.float32).eval()), tokenizer)
    difference = float(abs(before - after).max())
    if not difference <= (_HALF_TOLERANCE if large else _TOLERANCE):
        raise ParityError(
            f"{adapter}: merged into {origin.name} it gives different results than unmerged (largest difference "
            f"{difference:.2g}). Is {origin.name} the base that it was trained on, in the same precision?"
        )


def _network(folder: Path, names: Sequence[str], adapter: Path) -> Any:
    """Return the base's network, opened as the class whose modules the adapter names.

    Raises:
        ModelAbsent: No class of the base has all of them: the adapter belongs to another model.
    """
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    wanted = {_module_of(name) for name in names}
    for kind in ("AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification"):
        opener = getattr(transformers, kind)
        try:
            with torch.device("meta"):
                modules = {name for name, _ in opener.from_config(config).named_modules()}
        except ValueError:  # the family has no such head
            continue
        if wanted <= modules:
            return opener.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
            ).eval()
    raise ModelAbsent(
        f"{adapter}: its weights belong to modules that {folder} doesn't have ({', '.join(sorted(wanted)[:2])}, …): it "
        "was trained on another model. Name its base: tuned_from in the TOML, or --base."
    )


def _module_of(name: str) -> str:
    """Return the module that a weight of an adapter changes: `base_model.model.layers.0.q_proj.lora_A.weight`."""
    inner = name.removeprefix("base_model.model.")
    for mark in _MARKS:
        inner = inner.partition(mark)[0]
    return inner.removesuffix(".weight").removesuffix(".bias")


def _require_all_used(adapted: Any, names: Sequence[str], adapter: Path) -> None:
    """Check that PEFT has loaded every weight of the file, and initialised no other.

    Raises:
        ModelAbsent: Some are missing or left over; PEFT only warns.
    """
    from peft import get_peft_model_state_dict

    # By default, PEFT queries the hub for the base's vocabulary.
    with_vocabulary = any("embed" in name and not any(m in name for m in _MARKS) for name in names)
    in_place = set(get_peft_model_state_dict(adapted, save_embedding_layers=with_vocabulary))
    missing, unused = sorted(in_place - set(names)), sorted(set(names) - in_place)
    if missing or unused:
        raise ModelAbsent(
            f"{adapter}: {len(missing)} weights of the adapter are not in its file and {len(unused)} of the file "
            f"don't fit ({', '.join([*missing, *unused][:2])}, …), so the model would differ. Copy the adapter again, "
            "with the version of peft that wrote it."
        )


def _backbone(network: Any) -> Any:
    return getattr(network, network.base_model_prefix, network)


def _states(backbone: Any, tokenizer: Any) -> NDArray[np.float32]:
    """Return the last state of each canary text, of unit length, (texts, dimensions)."""
    import numpy as np
    import torch

    rows = []
    with torch.inference_mode():
        for text in (*canaries.QUERIES, *canaries.DOCUMENTS):
            ids = torch.tensor([canaries.text_ids(tokenizer, text)])
            state = backbone(input_ids=ids).last_hidden_state[0, -1].float()
            rows.append(torch.nn.functional.normalize(state, dim=-1).numpy())
    return np.stack(rows)


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
