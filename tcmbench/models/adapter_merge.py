"""Merges a PEFT adapter into its base, and checks that nothing is lost or drawn at random."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from tcmbench import faults
from tcmbench.errors import MissingExtra, ModelAbsent, ParityError
from tcmbench.models import canaries
from tcmbench.models.model_files import require_whole
from tcmbench.models.pair_scores import has_one_label, is_cross_encoder, tokenizer_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.records.model import Model

_ADAPTER = "adapter_config.json"
_LARGE = 1_500_000_000
"""Number of parameters from which merged weights are stored in bfloat16, like those of a tuned model."""

_TOLERANCE = 1e-4
"""Tolerance between the states of the merged and the unmerged network, of unit length, in float32."""

_HALF_TOLERANCE = 2e-2

_MARKS = (".lora_", ".modules_to_save", ".ia3_", ".oft_", ".boft_", ".hada_", ".lokr_", ".vera_")
"""Suffixes of an adapter's weight after the name of its module; other weights replace the base's."""


def merge(adapter: Path, origin: Model, origin_dir: Path, target: Path) -> None:
    """Write the network with the adapter merged into it, and check that the results equal those of the unmerged one."""
    import torch

    adapted = beside_base(adapter, origin, origin_dir)
    tokenizer = tokenizer_of(origin_dir)
    before = _states(_backbone(adapted.base_model.model), tokenizer)
    merged = adapted.merge_and_unload()
    merged.to(torch.bfloat16 if _is_large(merged) else torch.float32).save_pretrained(target)
    after = _states(_backbone(type(merged).from_pretrained(target, dtype=torch.float32).eval()), tokenizer)
    difference = float(abs(before - after).max())
    if not difference <= tolerance(merged):
        raise ParityError(
            f"{adapter}: merged into {origin.name} it gives different results than unmerged (largest difference "
            f"{difference:.2g}). Is {origin.name} the base that it was trained on, in the same precision?"
        )


def _is_large(network: Any) -> bool:
    return sum(p.numel() for p in network.parameters()) > _LARGE


def tolerance(network: Any) -> float:
    """Return how far two ways of computing a network may be apart: more where merged weights are stored in bfloat16."""
    return _HALF_TOLERANCE if _is_large(network) else _TOLERANCE


def beside_base(adapter: Path, origin: Model, origin_dir: Path) -> Any:
    """Return PEFT's model of the base's network with the adapter beside it, in float32.

    Raises:
        ModelAbsent: The adapter doesn't fit the base, or has no safetensors.
        MissingExtra: PEFT isn't installed.
    """
    try:
        from peft import PeftModel, load_peft_weights
    except ImportError as error:
        raise MissingExtra.of("peft", "train", purpose=f"merging the adapter {adapter}") from error
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelAbsent(f"{adapter}: expected adapter_model.safetensors. Save the adapter with safe_serialization.")
    require_whole(adapter / "adapter_model.safetensors")
    names = sorted(load_peft_weights(str(adapter), device="cpu"))
    network = _network(origin, origin_dir, names, adapter)
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
    return adapted


def _network(origin: Model, folder: Path, names: Sequence[str], adapter: Path) -> Any:
    """Return the base's network, opened as the class whose modules the adapter names.

    Raises:
        ModelAbsent: No class of the base has all of them: the adapter belongs to another model. Or a reranker's head is
            in neither.
    """
    import torch
    import transformers

    wanted = {_module_of(name) for name in names}
    for kind in _classes(origin, folder):
        opener = getattr(transformers, kind)
        # A network without a head gets that of a reranker from the adapter.
        head = {"num_labels": 1} if _is_new_head(kind, origin, folder) else {}
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, **head)
        try:
            with torch.device("meta"):
                modules = {name for name, _ in opener.from_config(config).named_modules()}
        except ValueError:  # the family has no such head
            continue
        if wanted <= modules:
            network, loading = opener.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **head,
            )
            drawn = sorted(name for name in loading["missing_keys"] if name.rpartition(".")[0] not in wanted)
            if origin.base.kind == "reranker" and drawn:
                raise ModelAbsent(
                    f"{adapter}: neither it nor its base {origin.name} has {', '.join(drawn[:2])}, so its scores would "
                    "be random. Save the adapter with the head that was trained with it (modules_to_save of PEFT)."
                )
            return network.eval()
    raise ModelAbsent(
        f"{adapter}: its weights belong to modules that {folder} doesn't have ({', '.join(sorted(wanted)[:2])}, …): it "
        "was trained on another model. Name its base: tuned_from in the TOML, or --base."
    )


def _classes(origin: Model, folder: Path) -> tuple[str, ...]:
    """Return the classes that a base may have been opened as; of a reranker those that keep its head."""
    if origin.base.kind == "embedding":
        return ("AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification")
    if has_one_label(folder) or is_cross_encoder(folder):
        return ("AutoModelForSequenceClassification",)
    return ("AutoModelForCausalLM", "AutoModelForSequenceClassification")


def _is_new_head(kind: str, origin: Model, folder: Path) -> bool:
    of_pairs = kind == "AutoModelForSequenceClassification" and origin.base.kind == "reranker"
    return of_pairs and not has_one_label(folder)


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
