"""The tensors of several models of one base, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench.cures.weights.tensors import StoredTensor, folded, tensors_of
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.cures import CureWork
    from tcmbench.cures.weights.tensors import Readable
    from tcmbench.records.model import Model

_PREFIXES = ("model.", "bert.", "roberta.")
"""Prefixes that a network's tensors have in some files and not in others, depending on the class that wrote them."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PairedTensor:
    """A tensor of all models."""

    name: str
    """Its name, with the folder of its file."""

    target: StoredTensor
    """That of the first tuned model, whose shape and precision the outcome has."""

    base: Readable
    """That of the base."""

    tuned: tuple[Readable, ...]
    """Those of the tuned models, in order."""


def paired(work: CureWork) -> dict[str, PairedTensor]:
    """Return every tensor of the first tuned model with its counterparts, by name.

    Tensors that only the base has, such as the head of a pretraining, are in no tuned model and are left out.

    Raises:
        SpecError: Models of different encoders, or a tensor that one of them lacks or has in another shape.
    """
    first, *others = (_folder(model, work) for model in work.tuned)
    base = folded(tensors_of(_folder(work.base, work)))
    targets = tensors_of(first)
    of_others = [tensors_of(folder) for folder in others]
    return {
        name: PairedTensor(
            name=name,
            target=target,
            base=_counterpart(name, target, base, work.base, work),
            tuned=(
                target,
                *(
                    _counterpart(name, target, tensors, model, work)
                    for tensors, model in zip(of_others, work.tuned[1:], strict=True)
                ),
            ),
        )
        for name, target in targets.items()
    }


def _folder(model: Model, work: CureWork) -> Path:
    """Return the folder of a model whose weights are all that there is to it.

    Raises:
        SpecError: It is loaded by another encoder than its base, so it is more than its weights.
    """
    base = work.base.base
    if (model.base.encoder, model.base.options) != (base.encoder, base.options) or model.model_dir is None:
        raise SpecError(
            f"{work.name}: expected models that are loaded as their base is (encoder {base.encoder}), but {model.name} "
            f"is loaded by encoder {model.base.encoder}. Cure its weights first, and apply the other cure to that."
        )
    return model.model_dir


def _counterpart(
    name: str, target: StoredTensor, tensors: Mapping[str, Readable], model: Model, work: CureWork
) -> Readable:
    """Return a model's tensor of a name.

    Raises:
        SpecError: It has none, or one of another shape or of quantised values.
    """
    found = next((tensors[each] for each in _aliases(name) if each in tensors), None)
    if found is None:
        names = ", ".join(sorted(tensors)[:_SHOWN])
        raise SpecError(
            f"{work.name}: {work.tuned[0].name} has a tensor {name!r}, which {model.name} lacks; it has {len(tensors)} "
            f"tensors ({names}, …). Weights can be combined only of models with the same tensors: a head that the "
            "training added has no counterpart in the base."
        )
    if found.is_float != target.is_float or not target.is_known:
        kind = found.dtype if isinstance(found, StoredTensor) else "F32"
        raise SpecError(
            f"{work.name}: tensor {name!r} is {target.dtype} in {work.tuned[0].name} and {kind} in {model.name}. Only "
            "weights in floating point of 16 bits or more are combined: store both models so."
        )
    if tuple(found.shape) != tuple(target.shape):
        raise SpecError(
            f"{work.name}: tensor {name!r} has shape {list(target.shape)} in {work.tuned[0].name}, but "
            f"{list(found.shape)} in {model.name}. Name models of one base with the same vocabulary."
        )
    return found


def _aliases(name: str) -> list[str]:
    folder, slash, tensor = name.rpartition("/")
    bare = [tensor.removeprefix(prefix) for prefix in _PREFIXES if tensor.startswith(prefix)]
    return [f"{folder}{slash}{each}" for each in (tensor, *bare, *(prefix + tensor for prefix in _PREFIXES))]
