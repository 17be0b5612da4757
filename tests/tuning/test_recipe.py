"""The recipe of a variant: what a base must be to be tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import models
from tcmbench.errors import ModelAbsent
from tcmbench.models import hub_layout
from tcmbench.specs.base import Base
from tcmbench.specs.variant import Variant
from tcmbench.tuning import recipe
from tcmbench.workspace import find
from tests.trainers.tiny import write_bert

if TYPE_CHECKING:
    from pathlib import Path

_ENCODER = {"kind": "embedding", "path": "enc", "pooling": "mean", "query_prompt": "query: ", "max_length": 128}
_BASES = {
    "enc": 'kind = "embedding"\npath = "enc"\narchitecture = "bert"\nmax_length = 128',
    "pairs": 'kind = "reranker"\npath = "enc"\narchitecture = "bert"\nmax_length = 128',
    "pairs-zh": (
        'kind = "reranker"\nderive = { base = "enc", vocabulary = "zh" }\narchitecture = "bert"\nmax_length = 128'
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["pairs", "pairs-zh"])
def test_a_cross_encoder_is_tuned_from_an_embedding_model(tmp_path: Path, name: str) -> None:
    """Of its folder or one derived from it, without prompts and pooling; without a head nothing is measured."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "models/bases").mkdir(parents=True)
    write_bert(tmp_path / "models/enc")
    hub_layout.write_embedding_modules(
        tmp_path / "models/enc", base=Base.model_validate({"name": "enc", **_ENCODER}), dimensions=32
    )
    for base, text in _BASES.items():
        (tmp_path / f"models/bases/{base}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "pairs.csv").write_text("query,positive\n头晕,血虚证\n盗汗,阴虚证\n", encoding="utf-8")
    place = find(tmp_path, cache=tmp_path / "store", data=tmp_path)
    fields = {"name": "v", "base": name, "data": "pairs.csv", "task": "reranker"}
    variant = Variant.model_validate({**fields, "head": "classification", "training": {"loss": "pointwise_reranker"}})
    found = recipe.resolve(place, variant)
    assert (found.base.kind, found.base.pooling, found.base.query_prompt) == ("reranker", None, "")
    encoder = models.base_model(place, "enc")
    assert (found.base_dir == encoder.model_dir) is (name == "pairs")
    with pytest.raises(ModelAbsent, match=r'can be tuned but not measured.*task = "reranker"'):
        models.load(models.base_model(place, name), cache=place.cache)
