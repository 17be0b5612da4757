"""A model behind a server is a base like any other: cached, compared, refused when it changes under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import miners, models, plugins
from tcmbench.encoders import model_meta
from tcmbench.encoders._cut import QueryDocument
from tcmbench.encoders.endpoint import load
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.encoders.runtime.cached_reranker import CachedReranker
from tcmbench.encoders.runtime.canaries import SHORT
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.miners import embedding
from tcmbench.models.revisions import revision
from tcmbench.records.model import Model as FarModel
from tcmbench.specs.base import Base
from tcmbench.workspace import find
from tests.model_server import Model, server, vector

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server"]

TEXTS = [f"第{n}段，" + "证" * (n % 7) for n in range(20)]


def base(server: Model, *, kind: str = "embedding", **options: Any) -> Base:
    """Return a base behind the server."""
    given = {"url": server.url, "model": "m", "revision": "1", "batch_texts": 8, "pause": 0.0, **options}
    return Base.model_validate({"name": "far", "kind": kind, "encoder": "endpoint", "options": given, "max_length": 64})


def opened(base: Base, cache: Path) -> Any:
    """Return the base as evaluation loads it."""
    return models.load(FarModel("far", base, None, revision(base, None)), cache=cache)


def load_endpoint(base: Base) -> Any:
    """Return the base without a cache around it."""
    options = plugins.use("encoders", "endpoint", base.options).options
    meta = model_meta(base, name="far", revision="r")
    return load(base, options=options, model_dir=None, meta=meta, seed=0, device="cpu")


def test_vectors_come_in_order_and_once(server: Model, tmp_path: Path) -> None:
    """Texts go in batches, answers in any order come back in the right one, and no text is asked for twice."""
    model = opened(base(server), tmp_path)
    assert isinstance(model, CachedEncoder)
    actual = model.encode_list(TEXTS)
    expected = np.array([vector(text, 0.0) for text in TEXTS], dtype=np.float32)
    np.testing.assert_allclose(actual, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert max(len(body["input"]) for body in server.seen) <= 8
    asked = [text for body in server.seen for text in body["input"] if text in TEXTS]
    assert sorted(asked) == sorted(TEXTS)
    assert all(SHORT in body["input"] for body in server.seen if TEXTS[0] in body["input"]), "a canary goes with them"
    server.seen.clear()
    opened(base(server), tmp_path).encode_list(TEXTS)
    assert server.seen == []


def test_another_model_under_the_same_revision_is_refused(server: Model, tmp_path: Path) -> None:
    """Before new vectors count, the canary texts must get the vectors that they had."""
    opened(base(server), tmp_path).encode_list(TEXTS[:3])
    server.turn = 1.0
    with pytest.raises(EvaluationError, match="raise `revision`"):
        opened(base(server), tmp_path).encode_list(TEXTS)
    assert len(opened(base(server, revision="2"), tmp_path).encode_list(TEXTS)) == len(TEXTS)


def test_a_server_that_moves_keeps_the_revision(server: Model) -> None:
    """Address, key and batches don't change what a model is; model, revision and body do."""
    same = models.revision(base(server), None)
    assert same == models.revision(base(server, url="http://127.0.0.1:1", batch_texts=3), None)
    others = [{"revision": "2"}, {"model": "n"}, {"body": {"truncate_prompt_tokens": 64}}]
    assert len({same, *(models.revision(base(server, **other), None) for other in others)}) == 4


def test_a_busy_server_is_asked_again(server: Model, tmp_path: Path) -> None:
    """Overload passes; after the last try it is an error that names the server."""
    server.failures = [503, 429, 524, 529]  # the last two from proxies
    assert len(opened(base(server), tmp_path).encode_list(TEXTS[:2])) == 2
    server.failures = [503] * 50
    with pytest.raises(ModelAbsent, match=r"/v1/embeddings: answer 503 .*, tried for 0 seconds"):
        opened(base(server, patience=0.2, connections=1), tmp_path / "other").encode_list(TEXTS)
    assert len(server.failures) < 48


def test_an_absent_server_says_what_to_do(server: Model, tmp_path: Path) -> None:
    """Nobody at the address is no traceback."""
    with pytest.raises(ModelAbsent, match="Start the server"):
        opened(base(server, url="http://127.0.0.1:1/v1", patience=0), tmp_path).encode_list(TEXTS)


def rows(*vectors: Any, first: Any = 0) -> dict[str, Any]:
    """Return an answer with these vectors."""
    return {"data": [{"index": first + n, "embedding": v} for n, v in enumerate(vectors)]}


@pytest.mark.parametrize(
    "answer",
    [
        {"data": []}, {"data": [{"index": 0}]}, [], "text", {"data": {"index": 0}}, {"data": [0] * 4},
        rows([1.0, 2.0]), rows(*[[1.0, 2.0]] * 5), rows(*[[1.0, 2.0]] * 4, first=1), rows(*[[1.0]] * 3, [1.0, 2.0]),
        rows(*[[]] * 4), rows(*[1.0] * 4), rows(*[[[1.0], [2.0]]] * 4), rows(*["!"] * 4), rows(*["AAAA"] * 4),
        {"data": [{"index": 0, "embedding": [1.0]}] * 4}, {"data": [{"index": "0", "embedding": [1.0]}] * 4},
        {"data": [{"index": [], "embedding": [1.0]}] * 4}, rows(*[[1.0], [1.0], [1.0]], {"a": 1}),
        rows(*[["1", "2"]] * 4), rows(*[[True, False]] * 4), rows(*[[1.0, None]] * 4),
    ],
)  # fmt: skip
def test_answers_of_another_shape_are_refused(server: Model, tmp_path: Path, answer: Any) -> None:
    """A missing vector is a failure and never a zero."""
    server.answer = answer
    with pytest.raises(EvaluationError, match="expected `data`"):
        opened(base(server), tmp_path).encode_list(TEXTS)


def test_an_answer_that_gives_two_vectors_for_one_text_is_refused(server: Model, tmp_path: Path) -> None:
    """Python would take the last."""
    server.raw = b'{"data": [{"index": 0, "embedding": [1, 0], "embedding": [0, 1]}]}'
    with pytest.raises(EvaluationError, match="expected JSON, got something else"):
        opened(base(server), tmp_path).encode_list(TEXTS[:1])


def test_batches_have_vectors_of_one_length(server: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that changes its mind is named."""
    loaded = load_endpoint(base(server, batch_texts=1, connections=1))
    lengths = iter([4, 4, 3])
    monkeypatch.setattr(server, "respond", lambda *_: rows([1.0] * next(lengths)))
    with pytest.raises(EvaluationError, match="/v1/embeddings: expected vectors of one length, got 3, 4"):
        loaded.encode_texts(TEXTS[:3])


@pytest.mark.parametrize("scores", [[1.0], [1.0] * 4, [1.0, "x", 2.0], [1.0, None, 2.0]])
def test_rankings_of_another_length_are_refused(server: Model, scores: list[Any]) -> None:
    """One score per document, and each a number."""
    server.answer = {"results": [{"index": n, "relevance_score": score} for n, score in enumerate(scores)]}
    with pytest.raises(EvaluationError, match="expected `index` and `relevance_score` for each of 3 documents"):
        load_endpoint(base(server, kind="reranker")).score_pairs([QueryDocument("q", document) for document in "abc"])


@pytest.mark.parametrize(
    "options",
    [
        {"url": "user:pl4nted@host/v1"}, {"url": "ftp://u:pl4nted@host"}, {"url": "http://u:pl4n/ted@host"},
        {"url": "http:///pl4nted"}, {"url": "http://h/pl4nted\n"}, {"url": "http://pl4nted:port/"}, {"url": 1},
        {"api_key_env": "sk-pl4nted0123456789"}, {"api_key_env": "pl4nted key"}, {"api_key_env": "hf_" + "pl4nted" * 5},
        {"url": "http://u:pl4nted@host", "api_key_env": "SOME_KEY"}, {"headers": {"Authorization": "pl4nted"}},
        {"connections": 10**9}, {"timeout": 1e12}, {"patience": 1e12}, {"batch_texts": 10**9},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options: dict[str, Any], server: Model) -> None:
    """Without their values, which may be secrets at the wrong place."""
    with pytest.raises(SpecError, match="options of endpoint: ") as told:
        plugins.use("encoders", "endpoint", base(server, **options).options)
    assert "pl4n" not in str(told.value)


def test_a_key_that_no_head_can_carry_is_refused(
    server: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break, as files of keys end in, is said, and the key isn't."""
    for key in ("sesame\n", "ses ame", "sésame"):
        monkeypatch.setenv("SOME_KEY", key)
        with pytest.raises(ModelAbsent, match=r"printable ASCII characters in \$SOME_KEY") as told:
            opened(base(server, api_key_env="SOME_KEY"), tmp_path)
        assert "ame" not in str(told.value)


def test_a_refused_request_is_not_repeated(server: Model, tmp_path: Path) -> None:
    """What can't get better is said at once."""
    loaded = load_endpoint(base(server))
    server.failures = [400]
    with pytest.raises(EvaluationError, match="refuses the request: 400"):
        loaded.encode_texts(TEXTS[:1])
    assert len(server.seen) == 1


def test_the_key_comes_from_the_environment(server: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file names a variable; without it no request is sent, and a refused key is reported by its name."""
    named = base(server, api_key_env="SOME_KEY")
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ModelAbsent, match=r"\$SOME_KEY, not set"):
        opened(named, tmp_path)
    monkeypatch.setenv("SOME_KEY", "sesame")
    opened(named, tmp_path).encode_list(TEXTS[:1])
    assert set(server.keys) == {"Bearer sesame"}
    server.failures = [401]
    with pytest.raises(ModelAbsent, match=r"refuses the key in \$SOME_KEY") as refused:
        opened(named, tmp_path).encode_list(TEXTS)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("dialect", ["documents", "texts"])
def test_both_dialects_of_reranking_give_the_same_scores(server: Model, dialect: str, tmp_path: Path) -> None:
    """All documents of a query go in one request, and scores come back in the order of the pairs."""
    model = opened(base(server, kind="reranker", dialect=dialect), tmp_path)
    assert isinstance(model, CachedReranker)
    queries, documents = ["头痛发热", "咳嗽", "头痛发热", "头痛发热"], ["头痛", "咳", "发热头", "头痛"]
    actual = model.predict([{"text": queries}], [{"text": documents[:3]}, {"text": documents[3:]}])
    assert actual.tolist() == [2.0, 1.0, 3.0, 2.0]
    sent = [body for body in server.seen if body["query"] in queries]
    assert sorted(len(body.get("documents", body.get("texts"))) for body in sent) == [1, 2]
    server.seen.clear()
    again = opened(base(server, kind="reranker", dialect=dialect), tmp_path)
    assert again.predict([{"text": queries}], [{"text": [*documents[:3], documents[3]]}]).tolist() == actual.tolist()
    assert server.seen == [], "scores are cached"


def test_an_instruction_goes_with_every_request(server: Model, tmp_path: Path) -> None:
    """To servers of vLLM's dialect, as a field; one that ignores it would change every score in silence."""
    told = base(server, kind="reranker").model_copy(update={"instruction": "检索最头痛的"})
    model = opened(told, tmp_path)
    assert model.predict([{"text": ["咳"]}], [{"text": ["头痛"]}]).tolist() == [2.0]
    sent = [body for body in server.seen if body["query"] == "咳"]
    assert [body["instruction"] for body in sent] == ["检索最头痛的"]
    server.takes_instruction = False
    with pytest.raises(EvaluationError, match="ignores the field `instruction`"):
        opened(told, tmp_path / "other").predict([{"text": ["咳"]}], [{"text": ["头痛"]}])


@pytest.mark.parametrize(
    ("options", "instruction", "words"),
    [
        ({"dialect": "texts"}, "检索", "has no field for an instruction"),
        ({"body": {"truncate_prompt_tokens": 64}}, "", "template loses its end"),
    ],
)
def test_what_would_change_scores_in_silence_is_refused(
    server: Model, options: dict[str, Any], instruction: str, words: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(SpecError, match=words):
        load_endpoint(base(server, kind="reranker", **options).model_copy(update={"instruction": instruction}))


def test_negatives_are_mined_with_an_endpoint(server: Model, workspace_dir: Path, tmp_path: Path) -> None:
    """The embedding miner takes a base behind a server as any other."""
    (workspace_dir / "models/bases/far.toml").write_text(
        'kind = "embedding"\nencoder = "endpoint"\nmax_length = 64\n'
        f'[options]\nurl = "{server.url}"\nmodel = "m"\nrevision = "1"\n',
        encoding="utf-8",
    )
    model = models.base_model(find(workspace_dir, cache=tmp_path), "far")
    loaded = models.load(model, cache=tmp_path)

    class Embedder:
        revision = model.revision

        def embed(self, texts: Any, *, kind: str) -> Any:
            return loaded.encode_list(list(texts))

    corpus = miners.Corpus(tuple(f"d{n}" for n in range(12)), tuple(TEXTS[:12]))
    queries = miners.Queries(("q",), ("头痛发热",), (frozenset({"d3"}),))
    context = miners.MiningContext(embedder=lambda _: Embedder())
    found = embedding.mine(queries, corpus, options=embedding.Options(count=4, model="far"), seed=0, context=context)
    vectors = loaded.encode_list(["头痛发热", *TEXTS[:12]])
    nearest = np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")
    assert {f"d{n}" for n in nearest.tolist() if n != 3} >= set(found.ids[0])
    assert "d3" not in found.ids[0]
