"""Distillation to a table of token vectors, by Model2Vec: a text is the mean of its tokens' vectors, without layers.

Each token of the vocabulary is encoded by itself; the vectors are projected on their principal components and weighted
by the rank of the token, which stands for its frequency (https://github.com/MinishLab/model2vec). No text is read.
"""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tcmbench.encoders._packages import require_packages
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.errors import SpecError
from tcmbench.forms._exportable import require_transformer, require_whole
from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tcmbench.cures import CureWork
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "1"
READS_DATA = False
LOADS_MODEL = True

_POOLING = {"last": "last", "cls": "first", "mean": "mean"}
"""Pooling of a base → its name in Model2Vec."""


class Options(PluginOptions):
    """How the table is distilled; names and defaults are those of Model2Vec."""

    pca_dims: int | Literal["auto", "none"] = Field(default=256)
    """Principal components that are kept; auto: all of them; none: the vectors are not projected."""

    sif_coefficient: float = Field(default=1e-4, ge=0, lt=1)
    """Weight of a token of probability p: a / (a + p) (Arora et al. 2017); 0: all tokens have the same weight."""


def settings(base: Base, *, count: int, options: Options) -> Mapping[str, Any]:
    """Return how a table of token vectors is loaded; prompts would only move all vectors, and are left out.

    Raises:
        SpecError: Several models, one that has no tokens to be encoded, or fewer than one dimension.
    """
    require_transformer(base, count=count, form="model2vec")
    if isinstance(options.pca_dims, int) and options.pca_dims < 1:
        raise SpecError(f"form model2vec: pca_dims: expected a number from 1 on, auto or none, got {options.pca_dims}.")
    if base.pooling not in _POOLING:
        raise SpecError(
            f"form model2vec: expected a base that says its pooling (last, cls or mean), got {base.pooling}. Add it to "
            "the file of the base."
        )
    return {
        "architecture": "static",
        "pooling": "mean",
        "dtype": "float32",
        "attention": None,
        "padding_side": "right",
        "options": {},
        "query_prompt": "",
        "document_prompt": "",
        "symmetric_prompt": None,
    }


def make(work: CureWork, out: Path, *, options: Options) -> dict[str, Json]:
    """Write the table, as sentence-transformers loads it.

    Raises:
        MissingExtra: Model2Vec isn't installed.
        SpecError: It can't read the tokenizer of the model, would leave out a part of it, or keeps fewer dimensions.
    """
    require_packages("model2vec", "skeletoken", extra="model2vec", purpose="form model2vec")
    from model2vec.distill import distill_from_model
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    (model,) = work.tuned
    if model.model_dir is None:
        raise ValueError(f"{model.name} has no folder")
    opened = open_model(model.model_dir, model.base.in_full_precision(), device=work.device)
    require_whole(opened, model, form="model2vec")
    logging.getLogger("skeletoken").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a bar of progress
            distilled = distill_from_model(
                opened[0].auto_model,
                opened.tokenizer,
                device=str(opened.device),
                pca_dims=None if options.pca_dims == "none" else options.pca_dims,
                sif_coefficient=options.sif_coefficient or None,
                quantize_to="float32",
                pooling=_POOLING[str(model.base.pooling)],
            )
    except ValueError as error:
        raise SpecError(
            f"form model2vec: {model.name}: Model2Vec can't distil it: {error}. Tried were tokenizers of BPE "
            "and Unigram."
        ) from error
    wanted, got = options.pca_dims, distilled.embedding.shape[1]
    if isinstance(wanted, int) and got != wanted:
        raise SpecError(
            f"form model2vec: {model.name}: pca_dims: expected {wanted} dimensions, but Model2Vec keeps {got}, "
            "as the model has no more, or its tokenizer no more tokens. Set a smaller number."
        )
    table = StaticEmbedding(distilled.tokenizer, embedding_weights=distilled.embedding)
    modules = [table, *([Normalize()] if model.base.normalize else [])]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(out), create_model_card=False)
    return {"tokens": len(distilled.embedding)}
