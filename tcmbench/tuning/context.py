"""The context of a training set: the base's tokenizer, the trainer's requirements, and models for mining."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.errors import SpecError

if TYPE_CHECKING:
    from tcmbench.miners import MiningContext
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
    from tcmbench.models import base_model
    from tcmbench.models.embedder import BaseEmbedder

    def embedder(name: str) -> BaseEmbedder:

        model = base_model(workspace, name or recipe.base.name)
        if "vectors" not in model.base.abilities:
            raise SpecError(
                f"variant {recipe.variant.name}: negatives can't be mined with {model.name}, which has no vectors "
                'that hold for all texts. Name an embedding base in the miner\'s options (model = "…").'
            )
        return BaseEmbedder(model, workspace.cache)

    return miners.MiningContext(embedder=embedder)
