"""Models behind a server, prepared for use: watched by their canaries, held to a local model, cut by its tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tcmbench.errors import DamagedArtefact, ModelAbsent, SpecError
from tcmbench.models.revisions import encoder_of
from tcmbench.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.encoders.runtime.canaries import Values
    from tcmbench.records.model import Model
    from tcmbench.workspace import Workspace


class _Find(Protocol):
    def __call__(self, workspace: Workspace, name: str, *, where: str) -> Model: ...


class _Load(Protocol):
    def __call__(self, model: Model, *, cache: Path) -> Any: ...


def prepared(loaded: Any, model: Model, *, cache: Path, find: _Find, load: _Load) -> Any:
    """Return a model behind a server as evaluation uses it; one of another package is returned as it is.

    Args:
        loaded: What its encoder returned.
        model: The model.
        cache: The store.
        find: Finds the bases that its options name.
        load: Loads a model.

    Raises:
        SpecError: An option names a base of another kind, or without weights.
        ModelAbsent: The weights of a named base aren't on this machine.
    """
    from tcmbench.encoders._cut import TextCutter
    from tcmbench.encoders.endpoint import Options
    from tcmbench.encoders.runtime.cached_reranker import CachedReranker
    from tcmbench.encoders.runtime.canaries import Declared, Watch
    from tcmbench.encoders.runtime.served import Endpoint, EndpointReranker

    options = encoder_of(model.base).options
    if not isinstance(loaded, Endpoint | EndpointReranker) or not isinstance(options, Options):
        return loaded
    if options.cuts_as:
        tokenizer = _local(model, options.cuts_as, option="tokenizer" if options.tokenizer else "same_as", find=find)
        instruction = model.base.instruction if model.base.kind == "reranker" else ""
        loaded.cutter = TextCutter(_folder(tokenizer), max_length=model.base.max_length, instruction=instruction)
    are_scores = isinstance(loaded, EndpointReranker)
    store = Store(cache)
    watch = Watch(loaded.canaries, name=model.name, revision=model.revision, store=store, are_scores=are_scores)
    watch.inspect = loaded.inspect
    if options.same_as:
        local = _local(model, options.same_as, option="same_as", find=find)
        watch.declared = Declared(local.name, lambda: of_local(local, cache=cache, load=load))
    loaded.watch = watch
    return CachedReranker(loaded, cache_dir=cache / "embeddings") if isinstance(loaded, EndpointReranker) else loaded


def of_local(model: Model, *, cache: Path, load: _Load) -> Values:
    """Return the canaries of a model with local weights, from the store or computed.

    Args:
        model: The model.
        cache: The store.
        load: Loads a model.
    """
    from tcmbench.encoders.runtime import canaries, drift

    store = Store(cache)
    try:
        before = canaries.stored(store, model.revision)
    except DamagedArtefact:
        before = None  # computed again
    if before is not None:
        return before
    loaded = load(model, cache=cache)
    if model.base.kind == "reranker":
        documents = list(canaries.DOCUMENTS.values())
        scores = loaded.predict([{"text": [canaries.QUERY] * len(documents)}], [{"text": documents}])
        values = {label: scores[place : place + 1] for place, label in enumerate(canaries.DOCUMENTS)}
    else:
        texts = {**canaries.TEXTS, drift.EMPTY: ""}
        values = dict(zip(texts, loaded.encode_list(list(texts.values())), strict=True))
    canaries.require_sound(values, name=model.name, are_scores=model.base.kind == "reranker")
    canaries.write(store, values, model=model.name, revision=model.revision)
    return values


def _local(model: Model, name: str, *, option: str, find: _Find) -> Model:
    where = f"base {model.name}: {option}"
    if model.named_in is None:
        raise SpecError(f"{where}: expected a model of a workspace, which can name others.")
    local = find(model.named_in, name, where=where)
    if not local.base.has_weights or (option == "same_as" and local.base.kind != model.base.kind):
        raise SpecError(
            f"{where}: expected a base of kind {model.base.kind!r} with weights on this machine, got {name}, of kind "
            f"{local.base.kind!r}. Name another."
        )
    return local


def _folder(model: Model) -> Path:
    if model.model_dir is None:
        raise ModelAbsent(f"{model.name}: expected weights on this machine, with their tokenizer.")
    return model.model_dir
