"""Models by name: their weights, revision and loaded encoder."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.models import completion, given, served, swift_output, weights
from tcmbench.models.agreement import require_head, settled
from tcmbench.models.derived_settings import as_its_origin
from tcmbench.models.revisions import encoder_of, hash_of, revision, revision_of, revision_of_dense
from tcmbench.records.model import Model
from tcmbench.specs.base import Base

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mteb.models.models_protocols import MTEBModels

    from tcmbench.models.sources import Search
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

__all__ = ["base_model", "load", "trained_elsewhere", "tuned_model"]


def base_model(workspace: Workspace, name: str, *, where: str = "", download: bool = False) -> Model:
    """Return the model of a base, with missing fields of its file filled in from the folder of its weights.

    Args:
        workspace: Workspace of bases and weights.
        name: Name of the base.
        where: Where it is named, for messages.
        download: Whether a model of the hub may be downloaded where no source has the weights.

    Raises:
        UnknownName: No such base.
        ModelAbsent: Its weights aren't on this machine.
        SpecError: Its file contradicts the folder of its weights.
    """
    base = workspace.spec(Base, name, where=where)
    if not base.has_weights:
        named_in = workspace if base.weights == "server" else None
        return Model(name=name, base=base, model_dir=None, revision=revision(base, None), named_in=named_in)
    found = weights.first(base, _search(workspace, download=download))
    if completion.unfinished(found.folder) is not None:
        workspace, base = _with_origin(workspace, base, found.folder)
        found = weights.completed(base, found.folder, _search(workspace, download=download))
    base = settled(as_its_origin(workspace, base), found.folder)
    its = revision(base, found.folder)
    return Model(name=name, base=base, model_dir=found.folder, revision=its, weights_from=found.origin)


def _search(workspace: Workspace, *, download: bool) -> Search:
    return weights.search(
        workspace, download=download, model=functools.partial(base_model, workspace, download=download)
    )


def trained_elsewhere(workspace: Workspace, base: Base) -> dict[str, Json]:
    """Return the training settings in the folder of a model that was tuned elsewhere; empty for others."""
    if base.tuned_from is None:
        return {}
    # A derived base has no folder of its own, and what it is derived from has a row of its own.
    has_folder = base.has_weights and not base.derive
    recorded = swift_output.arguments(weights.source(workspace, base)) if has_folder else {}
    settings: dict[str, Json] = {f"args.{name}": recorded[name] for name in swift_output.SETTINGS if recorded.get(name)}
    return {"trained": "elsewhere", **settings}


def _with_origin(workspace: Workspace, base: Base, folder: Path) -> tuple[Workspace, Base]:
    """Return a base with the name of its own base, which an adapter or checkpoint states where the file doesn't.

    Raises:
        ModelAbsent: It states none, or one that isn't on this machine.
    """
    unfinished = completion.unfinished(folder)
    if unfinished is None or base.tuned_from is not None:
        return workspace, base
    try:
        workspace, name = given.origin(workspace, unfinished)
    except ModelAbsent as error:
        advice = f'Name it in the file of the base: tuned_from = "NAME". ({error})'
        raise ModelAbsent(
            f"base {base.name}: {folder} needs the files of the base that it was tuned from. {advice}"
        ) from error
    return workspace, base.model_copy(update={"tuned_from": name})


def tuned_model(base: Base, *, name: str, model_dir: Path, seed: int, files: Mapping[str, str] | None = None) -> Model:
    """Return a model that was tuned from a base, with the base's settings.

    Args:
        base: Base that it was tuned from.
        name: Its name.
        model_dir: Its files.
        seed: Its seed.
        files: Name and sha256 of each file, where they are known, which avoids reading gigabytes for its revision.
    """
    its = revision(base, model_dir) if files is None else revision_of(base, hash_of(files))
    return Model(name=name, base=base, model_dir=model_dir, revision=its, seed=seed)


def load(model: Model, *, cache: Path | None, device: str | None = None) -> MTEBModels:
    """Return the loaded model in mteb's interface.

    Args:
        model: Model to load.
        cache: The store; its folder `embeddings` contains the vectors of texts. None: vectors are neither read nor
            stored.
        device: torch device of a model with weights; None for the default of its library, a GPU where there is one.

    Raises:
        TcmbenchError: It can't be loaded, or is only a base to be tuned.
    """
    from tcmbench.encoders import model_meta
    from tcmbench.encoders.runtime.resident import end_unused
    from tcmbench.encoders.runtime.soundness import guard

    if model.model_dir is not None:
        require_head(model.base, model.model_dir)
    encoder = encoder_of(model.base)
    end_unused(but=encoder.name)
    if model.model_dir is not None:
        _prepare(model, device)
    meta = model_meta(model.base, name=model.name, revision=model.revision)
    loaded: MTEBModels = encoder.module.load(
        model.base, options=encoder.options, model_dir=model.model_dir, meta=meta, seed=model.seed, device=device
    )
    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
    from tcmbench.encoders.runtime.composed import Composed

    vectors = None if cache is None else cache / "embeddings"
    if isinstance(loaded, Composed):
        loaded.open(vectors, revision=revision_of_dense(model.base, model.model_dir))
    if model.base.weights == "server":
        if cache is None:
            raise SpecError(
                f"base {model.base.name}: expected a model with weights on this machine, got one behind a server. "
                "Use its server's address."
            )
        loaded = served.prepared(loaded, model, cache=cache, find=base_model, load=load)
    if "vectors" not in model.base.abilities:
        return guard(loaded, name=model.name)
    return CachedEncoder(loaded, cache_dir=vectors)


def _prepare(model: Model, device: str | None) -> None:
    """Limit torch's threads, and warn of a precision that the processor emulates."""
    import torch

    from tcmbench import processor

    processor.limit_threads()
    if device == "cpu" or (device is None and not torch.cuda.is_available()):
        processor.warn_of_emulation(model.base.dtype, where=f"model {model.name}")
