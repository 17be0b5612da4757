"""The context of a training set: the base's tokenizer, the trainer's requirements, and models for mining."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench import models
from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
    from tcmbench.miners import MiningContext, TextKind
    from tcmbench.records.model import Model
    from tcmbench.trainsets import Context
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.workspace import Workspace

_TEMPLATE_TOKENS = 8
"""Special tokens in addition to the text of a template."""


def build_context(workspace: Workspace, recipe: Recipe) -> Context:
    """Return the context of a recipe's training set; models for mining are loaded when first used."""
    from tcmbench.trainers import requirements
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.tokens import FolderTokenizer

    return Context(
        store=workspace.store,
        tokenizer=FolderTokenizer(recipe.base_dir, reserved=_reserved(recipe)),
        requirements=requirements(recipe.variant),
        mining=_mining(workspace, recipe),
    )


def _reserved(recipe: Recipe) -> int:
    """Return how many tokens the trainer's template adds: two to a text, a reranker's chat template to a pair."""
    if recipe.variant.task == "embedding":
        return 2
    from tcmbench.trainsets.tokens import FolderTokenizer

    return FolderTokenizer(recipe.base_dir).lengths([_empty_pair(recipe)])[0] + _TEMPLATE_TOKENS


def _empty_pair(recipe: Recipe) -> str:
    """Return a reranker's chat template rendered for a query and a document of one character each."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from tcmbench.models.hub_layout import reranker_chat_template

    path = recipe.base_dir / "chat_template.jinja"
    if path.is_file():
        template = path.read_text(encoding="utf-8")
    elif recipe.base.architecture not in {"bert", "xlm-roberta"}:
        template = reranker_chat_template(recipe.base.instruction)
    else:
        return ""
    messages = [{"role": role, "content": "."} for role in ("system", "query", "document")]
    # as transformers sets it up
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    try:
        return environment.from_string(template).render(messages=messages)
    except TemplateError as error:
        raise SpecError(
            f"{path}: expected a template over messages of roles system, query and document, as "
            f"sentence-transformers' CrossEncoder has it; error: {error}"
        ) from error


def _mining(workspace: Workspace, recipe: Recipe) -> MiningContext:
    from tcmbench import miners

    def embedder(name: str) -> _Embedder:
        from tcmbench.models import base_model

        model = base_model(workspace, name or recipe.base.name)
        if "vectors" not in model.base.abilities:
            raise SpecError(
                f"variant {recipe.variant.name}: negatives can't be mined with {model.name}, which has no vectors "
                'that hold for all texts. Name an embedding base in the miner\'s options (model = "…").'
            )
        return _Embedder(model, workspace.cache)

    return miners.MiningContext(embedder=embedder)


class _Embedder:
    """A base as a miner uses it; loaded when first used, with the embedding cache of evaluation."""

    def __init__(self, model: Model, cache: Path) -> None:
        self._model = model
        self._cache = cache
        self._encoder: CachedEncoder | None = None

    @property
    def revision(self) -> str:
        """Hash of everything that the vectors depend on."""
        return self._model.revision

    def embed(self, texts: Sequence[str], *, kind: TextKind) -> NDArray[np.float32]:
        """Return one vector per text, with the prompt of the kind applied."""
        from tcmbench.encoders.runtime.cached_encoder import CachedEncoder

        if self._encoder is None:
            loaded = models.load(self._model, cache=self._cache)
            if not isinstance(loaded, CachedEncoder):
                raise TypeError(f"expected {CachedEncoder}, got {type(loaded)}")
            self._encoder = loaded
        base = self._model.base
        prompt = base.query_prompt if kind == "query" else base.document_prompt
        return self._encoder.encode_list([prompt + text for text in texts])
