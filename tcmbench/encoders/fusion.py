"""Hybrid search: scores of a dense model fused with BM25's.

Documents are searched and candidates ordered by the fused scores. Tasks without queries (similarity, classification,
clustering) have nothing to fuse: there the texts are encoded by the dense model alone, so its scores are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tcmbench import strict_json
from tcmbench.encoders import EMBEDS, bm25
from tcmbench.encoders._dense_part import WEIGHT_FILE, DenseOptions, dense_identity, load_dense
from tcmbench.errors import ModelAbsent
from tcmbench.ranking.fusion import RRF_K, Method

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.fused_search import FusedSearch
    from tcmbench.specs.base import Base

REVISION = "1"
USES = (("encoders", "bm25"),)
ABILITIES = {"embedding": EMBEDS - {"vectors"}}
WEIGHTS = "folder"
identity = dense_identity


class Options(DenseOptions):
    """How scores are fused, and BM25's options."""

    method: Method = "zscore"
    """zscore: standardised scores per query; minmax: scores from 0 to 1 per query; rrf: reciprocal ranks."""

    weight: Annotated[float, Field(ge=0, le=1)] | Literal["chosen"] = 0.3
    """Share of BM25: 0 is the dense model alone, 1 BM25 alone; `chosen`: the one in the folder, that the cure `fusion`
    chose on a dev split."""

    rrf_k: float = Field(default=RRF_K, gt=0)
    """Constant of reciprocal rank fusion."""

    tokens: Literal["char_bigrams", "words"] = bm25.Options.model_fields["tokens"].default
    """Terms of BM25: characters and character bigrams, or jieba's words."""

    k1: float = bm25.Options.model_fields["k1"].default
    """Saturation of term frequency in BM25."""

    b: float = bm25.Options.model_fields["b"].default
    """Strength of length normalisation in BM25."""


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> FusedSearch:
    """Return the search model around the dense one.

    Raises:
        ModelAbsent: The weight is that of the folder, which has none.
    """
    from tcmbench.encoders.runtime.fused_search import FusedSearch, Fusing

    weight = _chosen(base, model_dir) if options.weight == "chosen" else options.weight
    dense = load_dense(base, options=options, model_dir=model_dir, meta=meta, seed=seed, device=device)
    fusing = Fusing(options.method, weight, options.rrf_k, options.tokens, options.k1, options.b)
    return FusedSearch(dense, options=fusing, meta=meta)


def _chosen(base: Base, model_dir: Path | None) -> float:
    """Return the weight in the folder of a model.

    Raises:
        ModelAbsent: There is none, or it is no share.
    """
    advice = f'Set a weight from 0 to 1, or make the model with the cure "fusion" ({WEIGHT_FILE}).'
    if model_dir is None or not (model_dir / WEIGHT_FILE).is_file():
        raise ModelAbsent(f'base {base.name}: weight = "chosen" is the one in the folder of the model. {advice}')
    try:
        content = strict_json.loads((model_dir / WEIGHT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelAbsent(f"{model_dir / WEIGHT_FILE}: expected JSON, but: {error}. {advice}") from error
    stated = content.get("weight") if isinstance(content, dict) else None
    if not isinstance(stated, int | float) or not 0 <= stated <= 1:
        raise ModelAbsent(f"{model_dir / WEIGHT_FILE}: expected a weight from 0 to 1, got {stated!r}. {advice}")
    return float(stated)
