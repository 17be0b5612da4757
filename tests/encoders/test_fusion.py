"""Hybrid search is mteb's search with fused scores: exact in the limits, the same on the fast path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models
from tcmbench.encoders import bm25, fusion
from tcmbench.encoders._dense_part import WEIGHT_FILE
from tcmbench.encoders.runtime import fused_search
from tcmbench.encoders.runtime.fused_search import FusedSearch
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.ranking.fusion import fuse
from tcmbench.specs.base import Base
from tcmbench.workspace import Workspace, bundled_content, find
from tests.fakes import FastTask, PlainTask, load, scores

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.ranking.fusion import Method

DOCUMENTS = [
    f"{organ}{state}证" for organ in "肝心脾肺肾胃胆" for state in ("气虚", "血虚", "阴虚", "阳虚", "湿热", "气滞")
]
QUERIES = ["气短乏力，舌淡脉弱", "胃脘胀痛，嗳气", "血虚头晕", "五心烦热，盗汗", "肾", "xyz"]
QRELS = {query: {DOCUMENTS[(7 * n) % 42]: 1, DOCUMENTS[(5 * n + 3) % 42]: 1} for n, query in enumerate(QUERIES)}
CASE = {"queries": QUERIES, "documents": DOCUMENTS, "qrels": QRELS}
POOLS = {query: DOCUMENTS[n :: len(QUERIES)] for n, query in enumerate(QUERIES)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The bundled content with a store."""
    return find(bundled_content(), cache=tmp_path_factory.mktemp("store"))


def fused(place: Workspace, **options: Any) -> FusedSearch:
    """Return the bundled hybrid base with other options."""
    model = models.base_model(place, "mini-zh-static-bm25")
    base = model.base.model_copy(update={"options": options})
    loaded = models.load(
        models.Model(model.name, base, model.model_dir, models.revision(base, model.model_dir)), cache=place.cache
    )
    assert isinstance(loaded, FusedSearch)
    return loaded


def single(place: Workspace, name: str) -> Any:
    """Return a bundled base."""
    return models.load(models.base_model(place, name), cache=place.cache)


def measured(model: Any, task: Any = None, **case: Any) -> dict[str, Any]:
    """Return all numbers that mteb reports of the task."""
    return dict(scores(load(task or FastTask(), **CASE, **case), model))


@pytest.mark.parametrize("case", [{}, {"top_ranked": POOLS}])
@pytest.mark.parametrize("method", ["zscore", "minmax", "rrf"])
def test_the_limits_are_both_models(place: Workspace, method: str, case: dict[str, Any]) -> None:
    """All of mteb's numbers at weight 0 are the dense model's and at weight 1 BM25's: search and candidates."""
    for weight, name in ((0.0, "mini-zh-static"), (1.0, "bm25")):
        alone = measured(single(place, name), **case)
        assert measured(fused(place, method=method, weight=weight), **case) == pytest.approx(
            alone, nan_ok=True, abs=0, rel=0
        )
    assert measured(single(place, "bm25"), **case) != measured(single(place, "mini-zh-static"), **case)


@pytest.mark.parametrize("case", [{}, {"top_ranked": POOLS}])
@pytest.mark.parametrize("method", ["zscore", "minmax", "rrf"])
def test_the_fast_path_gives_what_mteb_gives(place: Workspace, method: str, case: dict[str, Any]) -> None:
    """The numbers of mteb's own search and scoring, with the fused model as a search model."""
    model = fused(place, method=method, weight=0.4)
    assert measured(model, **case) == pytest.approx(measured(model, PlainTask(), **case), nan_ok=True, abs=1e-9)


@pytest.mark.parametrize("method", ["zscore", "minmax", "rrf"])
def test_all_documents_are_scored_by_both(place: Workspace, method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are those of the formula over the whole matrix, however small the blocks and chunks of the search."""
    monkeypatch.setattr(fused_search, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(fused_search, "_CHUNK", 16)
    found: dict[str, dict[str, float]] = {}
    model = fused(place, method=method, weight=0.4)
    search = model.search
    model.search = lambda *given, **named: found.update(search(*given, **named)) or found  # type: ignore[method-assign]
    measured(model)
    encoder = single(place, "mini-zh-static")
    documents, queries = [f"text of {d}" for d in DOCUMENTS], [f"query {q}" for q in QUERIES]
    dense = encoder.encode_list(queries) @ encoder.encode_list(documents).T
    tokenize = bm25.tokenizer("char_bigrams")
    index = bm25.build_index([tokenize(text) for text in documents])
    lexical = np.stack([bm25.term_scores(index, tokenize(text), documents=len(documents)) for text in queries])
    expected = fuse(dense, lexical, method=method, weight=0.4)
    for row, query in zip(expected, QUERIES, strict=True):
        assert set(found[query]) == set(DOCUMENTS)
        np.testing.assert_allclose([found[query][d] for d in DOCUMENTS], row, rtol=1e-4, atol=1e-5)


def test_tasks_without_queries_are_encoded_by_the_dense_model(place: Workspace) -> None:
    """Vectors are the dense model's bit for bit, from the same cache: the texts are encoded once."""
    meta: Any = type("Meta", (), {"type": "STS", "name": "Similarity"})
    batches: Any = [{"text": DOCUMENTS}]
    dense, hybrid = single(place, "mini-zh-static"), fused(place)

    class Loader(list):  # type: ignore[type-arg]
        dataset = None

    where = {"task_metadata": meta, "hf_split": "test", "hf_subset": "default"}
    first = dense.encode(Loader(batches), **where)
    np.testing.assert_array_equal(first, hybrid.encode(Loader(batches), **where))
    assert hybrid.encoded_texts == 0
    np.testing.assert_array_equal(dense.similarity(first, first), hybrid.similarity(first, first))


def test_every_option_is_in_the_revision(place: Workspace) -> None:
    """Method, weight and BM25's parameters are in it, and the dense model: its weights and how it is run."""
    model = models.base_model(place, "mini-zh-static-bm25")
    options: list[dict[str, Any]] = [
        {}, {"weight": 0.5}, {"method": "rrf"}, {"k1": 1.2}, {"tokens": "words"}, {"rrf_k": 10.0},
        {"dense_options": {"batch_tokens": 512}},
    ]  # fmt: skip
    revisions = {models.revision(model.base.model_copy(update={"options": one}), model.model_dir) for one in options}
    assert len(revisions) == len(options)
    assert models.base_model(place, "mini-zh-static").revision not in revisions
    other = models.base_model(place, "mini-zh")
    assert models.revision(model.base, other.model_dir) != model.revision


@pytest.mark.parametrize("dense", ["fusion", "bm25", "tfidf", "endpoint", "cross_encoder"])
def test_only_a_dense_model_is_fused(place: Workspace, dense: str) -> None:
    """Others have no vectors by which documents are ranked, or no folder of weights."""
    with pytest.raises(SpecError, match="expected an encoder of embedding models in a folder"):
        fused(place, dense=dense)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"weight": 2}', '{"weight": "0.3"}'])
def test_a_chosen_weight_is_that_of_the_folder(place: Workspace, tmp_path: Path, content: str | None) -> None:
    """Without a valid one in the folder, there is no model."""
    base = place.spec(Base, "mini-zh-static-bm25").model_copy(update={"options": {"weight": "chosen"}})
    if content is not None:
        (tmp_path / WEIGHT_FILE).write_text(content, encoding="utf-8")
    options = fusion.Options(weight="chosen")
    with pytest.raises(ModelAbsent, match=r"with the cure \"fusion\" \(fusion.json\)"):
        fusion.load(base, options=options, model_dir=tmp_path, meta=None, seed=0, device=None)  # type: ignore[arg-type]


def test_a_derived_base_takes_over_the_settings_of_its_origin(place: Workspace) -> None:
    """The hybrid base has the prompts, pooling and weights of the dense one; only how it is run differs."""
    dense, hybrid = (models.base_model(place, name) for name in ("mini-zh-static", "mini-zh-static-bm25"))
    assert hybrid.model_dir == dense.model_dir
    assert hybrid.weights_from == "mini-zh-static"
    assert hybrid.base.architecture == "static"
    assert hybrid.base.encoder == "fusion"
    assert "vectors" not in hybrid.base.abilities
