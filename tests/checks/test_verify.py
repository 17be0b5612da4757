"""A swapped, truncated, stripped or half precise server is told from the one that was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tcmbench
from tcmbench import models
from tcmbench.checks import verify, verify_texts
from tcmbench.encoders.runtime import embedding_cache
from tcmbench.encoders.runtime.canaries import TEXTS
from tcmbench.errors import ModelAbsent, SpecError, UnknownName
from tests.cli import gate
from tests.model_server import Model, server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.checks.verify import Verification
    from tcmbench.workspace import Workspace

__all__ = ["server"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> Workspace:
    """A measured workspace of two models."""
    made = gate.make(tmp_path_factory.mktemp("verify"), passages=synthetic_root / "general-synth/qa-retrieval")
    gate.declare(made.root, "prompted", query_prompt="问：")
    text = (made.root / "models/bases/prompted.toml").read_text(encoding="utf-8")
    (made.root / "models/bases/prompted.toml").write_text(text.replace('path = "prompted"', 'path = "stays"'), "utf-8")
    gate.measure(made)
    return made


@pytest.fixture(scope="module")
def local(place: Workspace) -> dict[str, Callable[[list[str]], np.ndarray]]:
    """Model → its vectors."""
    loaded = {name: models.load(models.base_model(place, name), cache=place.cache) for name in gate.MODELS}
    return {name: each.inner.encode_texts for name, each in loaded.items()}


def half(vectors: np.ndarray) -> np.ndarray:
    """Return numbers as bfloat16 keeps them."""
    return (vectors.astype(np.float32).view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32)


def found_of(place: Workspace, server: Model, model: str = "stays", **options: Any) -> Verification:
    """Return what `verify` finds on the small suite."""
    question = verify.Question(server.url, model, suite="small", **{"limit": 30, **options})
    return verify.prepare(place, question).verify(emit=lambda _: None)


@pytest.fixture
def serve(server: Model, local: dict[str, Callable[[list[str]], np.ndarray]]) -> Callable[..., Model]:
    """Serves a model, with a fault."""

    def serving(name: str = "stays", fault: Callable[[np.ndarray], np.ndarray] = lambda vectors: vectors) -> Model:
        server.reads = 1 << 20
        server.vectors = lambda texts: fault(local[name](texts)).tolist()
        return server

    return serving


def test_the_same_model_is_the_same(place: Workspace, serve: Callable[..., Model]) -> None:
    """To the last item; everything is asked for, also what is in the store."""
    found = found_of(place, serve(), limit=None)
    assert (found.outcome, found.exit_code) == ("same", 0)
    assert found.canaries is not None
    assert found.canaries.largest < 1e-6
    assert found.texts is not None
    assert found.texts.count > 50
    assert found.texts.differing == 0
    said = verify_texts.as_text(found)
    assert said.startswith("THE SAME: org/m at http://127.0.0.1:")
    assert "0 of " in said
    folders = {path.name for path in place.cache.iterdir()}
    assert found_of(place, serve()).outcome == "same"
    assert {path.name for path in place.cache.iterdir()} == folders, "nothing of a server is stored"


def test_a_swapped_model_is_different(place: Workspace, serve: Callable[..., Model]) -> None:
    """By its canaries and by its items, with an interval."""
    found = found_of(place, serve("tuned"), limit=None)
    assert (found.outcome, found.exit_code) == ("different", 1)
    assert found.canaries is not None
    assert found.canaries.is_drift
    assert found.differing == ("SmallQA",)
    assert found.comparison.columns["SmallQA"].verdict.delta.interval.low > 0
    assert "differs" in verify_texts.as_text(found)
    assert found_of(place, serve("tuned"), within=100.0).outcome == "within"
    other = found_of(place, serve("stays", lambda vectors: vectors[:, ::-1]))
    assert other.canaries is not None
    assert other.canaries.kinds == ("other model",)


def test_half_precision_is_named(place: Workspace, serve: Callable[..., Model]) -> None:
    """It is different, and may be judged by scores alone."""
    found = found_of(place, serve(fault=half))
    assert found.outcome == "different"
    assert found.canaries is not None
    assert found.canaries.kinds == ("rounding",)
    assert "half precision" in verify_texts.as_text(found)
    alone = found_of(place, serve(fault=half), within=2.0)
    assert (alone.outcome, alone.exit_code) == ("within", 0)
    assert verify_texts.as_text(alone).startswith("WITHIN 2 POINTS")


def test_a_server_that_cuts_is_named(place: Workspace, serve: Callable[..., Model]) -> None:
    """With the length."""
    model = serve()
    model.reads = 300
    found = found_of(place, model)
    assert found.outcome == "different"
    assert found.canaries is not None
    assert found.canaries.kinds == ("long texts",)
    assert "at most the first 400 characters of a text, where more are expected" in verify_texts.as_text(found)


def test_a_server_that_strips_is_named(place: Workspace, serve: Callable[..., Model]) -> None:
    """Though this model makes nothing of white space."""
    model = serve()
    plain = model.vectors

    def marked(texts: list[str]) -> list[Any]:
        rows = np.array(plain(texts))  # type: ignore[misc]
        return (rows + 0.02 * np.array([[text != text.strip()] for text in texts])).tolist()

    model.vectors = marked
    found = found_of(place, model)
    assert found.canaries is not None
    assert found.canaries.kinds == ("white space",)


def test_texts_that_an_upgrade_left_without_vectors_are_said(
    place: Workspace, serve: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not compared, which must not look like a comparison without a difference."""
    model = serve()
    monkeypatch.setattr(embedding_cache, "encoding_versions", lambda: {"torch": "99.0"})
    found = found_of(place, model)
    assert found.texts is None
    assert "texts: not compared, as the store has no vectors of them" in verify_texts.as_text(found)


def test_one_replica_of_several_is_noticed(place: Workspace, serve: Callable[..., Model]) -> None:
    """Where the canaries are right, and what goes with them, and some texts are another's."""
    model = serve()
    plain = model.vectors
    known = {*TEXTS.values(), ""}

    def mixed(texts: list[str]) -> list[Any]:
        rows = plain(texts)  # type: ignore[misc]
        return [row[::-1] if text not in known and "月" in text else row for text, row in zip(texts, rows, strict=True)]

    model.vectors = mixed
    found = found_of(place, model)
    assert found.canaries is not None
    assert not found.canaries.is_drift
    assert found.texts is not None
    assert 0 < found.texts.differing < found.texts.count
    assert (found.outcome, found.exit_code) == ("different", 1)
    assert "have other vectors" in verify_texts.as_text(found)


def test_prompts_are_sent(place: Workspace, serve: Callable[..., Model]) -> None:
    """Those of the model that is named, as its clients send them; texts are whole."""
    model = serve()
    found = found_of(place, model, "prompted", limit=6)
    assert found.outcome == "same"
    assert any(text.startswith("问：") for body in model.seen for text in body["input"])
    assert found.pair.planned.suite.limit == 6
    assert json.loads(verify_texts.as_json(found))["limit"] == 6


def test_what_cannot_be_judged_has_a_code_of_its_own(place: Workspace, serve: Callable[..., Model]) -> None:
    """A server that fails in mid-run is no verdict; one that isn't there an error."""
    model = serve()
    plain = model.vectors

    known = {*TEXTS.values(), ""}
    model.vectors = lambda texts: [
        row if text in known else [float("nan")] * len(row)
        for text, row in zip(texts, plain(texts), strict=True)  # type: ignore[misc]
    ]
    found = found_of(place, model)
    assert (found.outcome, found.exit_code) == ("unjudged", 2)
    assert list(found.unmeasured) == ["SmallQA"]
    assert "not every task could be compared" in verify_texts.as_text(found)
    with pytest.raises(ModelAbsent, match="Start the server"):
        verify.prepare(place, verify.Question("http://127.0.0.1:1/v1", "stays", suite="small"))
    with pytest.raises(UnknownName, match="no model named 'nobody'"):
        found_of(place, model, "nobody")
    with pytest.raises(SpecError, match="which a server answers for"):
        found_of(place, model, "bm25")
    with pytest.raises(SpecError, match="expected points above 0"):
        found_of(place, model, within=0.0)


def test_it_is_a_function_too(place: Workspace, serve: Callable[..., Model]) -> None:
    """With a data frame."""
    compared = tcmbench.verify(serve().url, model="stays", suite="small", workspace=place)
    assert compared.exit_code == 0
    assert list(compared.to_pandas()["column"]) == ["SmallQA"]
    assert str(compared).startswith("THE SAME")


def test_a_base_behind_a_server_may_be_named(place: Workspace, serve: Callable[..., Model]) -> None:
    """Its key, body and dialect are used; its tokenizer isn't, as texts are sent whole."""
    model = serve()
    (place.root / "models/bases/far.toml").write_text(
        f'kind = "embedding"\nencoder = "endpoint"\n[options]\nurl = "{model.url}"\nmodel = "org/m"\nrevision = "1"\n'
        'same_as = "tuned"\nbody = { dimensions = 64 }\n',
        encoding="utf-8",
    )
    question = verify.Question("far", "stays", suite="small")
    assert verify.prepare(place, question).verify(emit=lambda _: None).outcome == "same"
    assert all(body["dimensions"] == 64 for body in model.seen)
    with pytest.raises(SpecError, match="or a base with encoder"):
        verify.prepare(place, verify.Question("stays", "stays", suite="small"))


@pytest.fixture(scope="module")
def reranked(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace of all types of tasks, with a store of its own."""
    return replace(tiny, cache=tmp_path_factory.mktemp("reranked"))


@pytest.fixture(scope="module")
def logits(reranked: Workspace) -> Callable[[str, list[str]], np.ndarray]:
    """The scores of the local reranker, each computed once."""
    loaded: Any = models.load(models.base_model(reranked, "mini-zh-reranker"), cache=reranked.cache)
    known: dict[tuple[str, str], float] = {}

    def scores(query: str, documents: list[str]) -> np.ndarray:
        new = [document for document in documents if (query, document) not in known]
        for document, score in zip(new, loaded.predict([{"text": [query] * len(new)}], [{"text": new}]), strict=True):
            known[query, document] = float(score)
        return np.array([known[query, document] for document in documents])

    return scores


@pytest.mark.parametrize("fault", ["", "probabilities", "texts", "other"])
def test_rerankers_are_verified_in_every_dialect(
    reranked: Workspace, server: Model, logits: Callable[[str, list[str]], np.ndarray], fault: str
) -> None:
    """As logits or probabilities."""
    server.reads = 1 << 20
    server.dialects = {"texts"} if fault == "texts" else {"documents"}

    def scores(query: str, documents: list[str]) -> list[float]:
        given = logits(query, documents)
        given = given[::-1] if fault == "other" else given
        return list(1 / (1 + np.exp(-given)) if fault == "probabilities" else given)

    server.scores = scores
    question = verify.Question(server.url, "mini-zh-reranker", tasks=("TinyReranking",), limit=8)
    found = verify.prepare(reranked, question).verify(emit=lambda _: None)
    assert found.canaries is not None
    outcome = "different" if fault == "other" else "same"
    assert (found.canaries.is_drift, found.outcome) == (bool(fault == "other"), outcome), verify_texts.as_text(found)
    assert found.texts is None


def test_a_suite_that_does_not_fit_is_no_verdict(
    reranked: Workspace, server: Model, logits: Callable[[str, list[str]], np.ndarray]
) -> None:
    """A reranker has no score of a retrieval."""
    server.reads, server.scores = 1 << 20, lambda query, documents: logits(query, documents).tolist()
    question = verify.Question(server.url, "mini-zh-reranker", tasks=("TinyQA",), within=5.0)
    found = verify.prepare(reranked, question).verify(emit=lambda _: None)
    assert found.exit_code == 2
    assert "No task of the suite can be measured on such a model here" in verify_texts.as_text(found)
