"""Every dialect gets the same vectors and scores, in its own form; what isn't understood is refused, not ignored."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench.errors import SpecError
from tcmbench.serving.dialects import rerank
from tcmbench.serving.engines import VectorEngine
from tests.serving import fake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

fake.require()

QUERY, DOCUMENTS = "咳嗽痰多", ["咳嗽", "头痛", "咳嗽痰多三日"]
LOGITS = [2.0, 0.0, 4.0]


@pytest.fixture(scope="module")
def vectors() -> Iterator[TestClient]:
    """A client of an embedding model."""
    with fake.client(fake.embedding()) as client:
        yield client


@pytest.fixture(scope="module")
def scores() -> Iterator[TestClient]:
    """A client of a reranker."""
    with fake.client(fake.reranker()) as client:
        yield client


def answer(client: TestClient, path: str, **body: Any) -> Any:
    """Return the answer to a request that succeeds."""
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def refusal(client: TestClient, path: str, **body: Any) -> tuple[int, str]:
    """Return status and message of a request that is refused."""
    response = client.post(path, json=body)
    error = response.json()["error"]
    return response.status_code, error if isinstance(error, str) else error["message"]


def expected(*texts: str) -> Any:
    """Return the vectors of texts that have their prompts."""
    return np.stack([fake.FakeEncoder().vector(text) for text in texts])


def _embeddings(client: TestClient, **body: Any) -> Any:
    return np.array([row["embedding"] for row in answer(client, "/v1/embeddings", **body)["data"]], dtype=np.float32)


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({}, ""),
        ({"model": "fake"}, ""),
        ({"input_type": "query"}, "查询："),
        ({"input_type": "search_document"}, "文献："),
        ({"input_type": "passage"}, "文献："),
        ({"input_type": "text"}, "句子："),
        ({"model": "fake-query"}, "查询："),
        ({"model": "fake:document"}, "文献："),
        ({"model": "fake-query", "input_type": "query"}, "查询："),
    ],
)
def test_the_type_of_a_text_decides_its_prompt(vectors: TestClient, fields: dict[str, str], prompt: str) -> None:
    """By field or by the end of the model's name; without either the text is encoded as it is."""
    got = _embeddings(vectors, input=DOCUMENTS, **fields)
    np.testing.assert_array_equal(got, expected(*(prompt + text for text in DOCUMENTS)))


def test_openai_says_index_model_and_tokens(vectors: TestClient) -> None:
    """The form that OpenAI's client reads; a single text is a list of one."""
    got = answer(vectors, "/v1/embeddings", input="咳嗽", model="fake-query")
    assert [(row["index"], row["object"]) for row in got["data"]] == [(0, "embedding")]
    assert (got["object"], got["model"], got["usage"]) == ("list", "fake", {"prompt_tokens": 5, "total_tokens": 5})


def test_base64_is_the_same_numbers(vectors: TestClient) -> None:
    """Little-endian, single precision."""
    got = answer(vectors, "/v1/embeddings", input=DOCUMENTS, encoding_format="base64")
    rows = [np.frombuffer(base64.b64decode(row["embedding"]), dtype="<f4") for row in got["data"]]
    np.testing.assert_array_equal(np.stack(rows), expected(*DOCUMENTS))


def test_shorter_vectors_keep_their_length(vectors: TestClient) -> None:
    """The first numbers, scaled to unit length."""
    got = _embeddings(vectors, input=DOCUMENTS, dimensions=2)
    first = expected(*DOCUMENTS)[:, :2]
    np.testing.assert_allclose(got, first / np.linalg.norm(first, axis=1, keepdims=True), rtol=1e-6)
    assert refusal(vectors, "/v1/embeddings", input="a", dimensions=5) == (400, "dimensions: expected 1 to 4, got 5")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/embed", {"inputs": DOCUMENTS}),
        ("/embed", {"inputs": DOCUMENTS, "prompt_name": "none", "normalize": True, "truncate": True}),
        ("/embed_batch", {"texts": DOCUMENTS}),
    ],
)
def test_tei_and_plain_vectors(vectors: TestClient, path: str, body: dict[str, Any]) -> None:
    """TEI answers with a list, the plain form with `embeddings`."""
    got = answer(vectors, path, **body)
    got = got["embeddings"] if path == "/embed_batch" else got
    np.testing.assert_array_equal(np.array(got, dtype=np.float32), expected(*DOCUMENTS))


def test_embed_with_text_is_plain(vectors: TestClient) -> None:
    """The fields of the body decide between the two dialects of the path."""
    got = answer(vectors, "/embed", text="咳嗽", input_type="query")["embedding"]
    np.testing.assert_array_equal(np.array(got, dtype=np.float32), expected("查询：咳嗽")[0])
    for body in ({"text": "a", "inputs": "a"}, {"query": "a"}):
        status, message = refusal(vectors, "/embed", **body)
        assert (status, message.split(",")[0]) == (400, "expected one of the fields inputs")


def test_rerankers_answer_in_every_dialect(scores: TestClient) -> None:
    """From 0 to 1 where clients expect that, evaluation's logits on request and in the plain form."""
    shares = [1 / (1 + np.exp(-logit)) for logit in LOGITS]
    for path in ("/v1/rerank", "/v2/rerank", "/rerank"):
        rows = answer(scores, path, query=QUERY, documents=DOCUMENTS, model="fake-reranker")["results"]
        assert [row["index"] for row in rows] == [2, 0, 1]
        np.testing.assert_allclose([row["relevance_score"] for row in rows], sorted(shares)[::-1], rtol=1e-12)
    raw = answer(scores, "/v1/rerank", query=QUERY, documents=DOCUMENTS, use_activation=False, top_n=2)["results"]
    assert [(row["index"], row["relevance_score"]) for row in raw] == [(2, 4.0), (0, 2.0)]
    listed = answer(scores, "/rerank", query=QUERY, texts=DOCUMENTS, raw_scores=True, return_text=True)
    assert listed == [{"index": i, "score": LOGITS[i], "text": DOCUMENTS[i]} for i in (2, 0, 1)]
    assert answer(scores, "/score_batch", query=QUERY, docs=DOCUMENTS) == {"scores": LOGITS}
    assert answer(scores, "/score", query=QUERY, doc=DOCUMENTS[0]) == {"score": 2.0}


def test_only_the_measured_instruction_is_taken(scores: TestClient, vectors: TestClient) -> None:
    """Clients of vLLM send it with every request; another one would change scores that nobody measured."""
    pair = {"query": QUERY, "documents": DOCUMENTS}
    told = answer(scores, "/v1/rerank", **pair, instruction="检索")["results"]
    assert told == answer(scores, "/v1/rerank", **pair)["results"]
    refused = refusal(scores, "/v1/rerank", **pair, instruction="判断")
    assert refused == (400, "instruction: expected '检索', with which the model was measured, or no such field.")
    refused = refusal(vectors, "/v1/rerank", **pair, instruction="检索")
    assert refused == (400, "instruction: the model was measured without one. Leave it out.")


def test_documents_may_be_objects_and_come_back(scores: TestClient) -> None:
    """As in Cohere's API."""
    rows = answer(scores, "/v1/rerank", query="a", documents=[{"text": "b"}, "a"], return_documents=True)["results"]
    assert [row["document"] for row in rows] == [{"text": "a"}, {"text": "b"}]


def test_large_logits_stay_distinct() -> None:
    """In single precision both would be exactly 1, a tie where the model ranks."""
    service = fake.reranker()
    shares = service.probabilities(np.array([18.0, 17.0, -800.0, 800.0], dtype=np.float32))
    assert shares[0] > shares[1]
    assert shares[2:].tolist() == [0.0, 1.0]


def test_an_embedding_model_scores_by_cosine(vectors: TestClient) -> None:
    """Query and documents with their prompts, in one batch; no activation makes a cosine something else."""
    query, *documents = expected("查询：" + QUERY, *("文献：" + text for text in DOCUMENTS))
    cosines = np.stack(documents) @ query
    np.testing.assert_allclose(
        answer(vectors, "/score_batch", query=QUERY, docs=DOCUMENTS)["scores"], cosines, rtol=1e-6
    )
    rows = answer(vectors, "/v1/rerank", query=QUERY, documents=DOCUMENTS)["results"]
    np.testing.assert_allclose([row["relevance_score"] for row in rows], sorted(cosines)[::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/embeddings", {"input": [[1, 2]]}, 400, "token ids and messages are not accepted"),
        ("/v1/embeddings", {"messages": []}, 400, "expected one of the fields input, got none of them"),
        ("/v1/embeddings", {"input": []}, 400, "input: expected at least one text"),
        ("/v1/embeddings", {"input": "a", "instruction": "b"}, 400, "instruction: unknown field"),
        ("/v1/embeddings", {"input": "a", "model": "other"}, 404, "no model 'other' here"),
        ("/v1/embeddings", {"input": "a", "model": "fake-querty"}, 404, "no model 'fake-querty' here"),
        ("/v1/embeddings", {"input": "a", "input_type": "queries"}, 400, "input_type: expected one of query"),
        ("/v1/embeddings", {"input": "a", "input_type": "text", "model": "fake-query"}, 400, "send one"),
        ("/v1/embeddings", {"input": "a", "truncate_prompt_tokens": 8}, 400, "texts are cut at 20 tokens"),
        ("/embed", {"inputs": "a", "normalize": False}, 400, "unit length"),
        ("/embed", {"inputs": "a", "truncation_direction": "Left"}, 400, "truncation_direction"),
        ("/score", {"query": "a", "doc": ["b"]}, 400, "doc: Input should be a valid string"),
    ],
)
def test_what_is_not_understood_is_refused(
    vectors: TestClient, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    """With the reason; a field that would change vectors is never ignored."""
    got = refusal(vectors, path, **body)
    assert got[0] == status
    assert words in got[1]


def test_a_reranker_has_no_vectors(scores: TestClient) -> None:
    """The message says what to send instead."""
    assert refusal(scores, "/v1/embeddings", input="a") == (
        400,
        "fake-reranker is a reranker, which has no vectors: send pairs to /v1/rerank or /score.",
    )


def test_a_longer_truncation_than_the_own_changes_nothing(vectors: TestClient) -> None:
    """Mteb's client sends the length that /v1/models states."""
    listed = vectors.get("/v1/models").json()["data"]
    assert [(row["id"], row["max_model_len"]) for row in listed] == [("fake", 20)]
    for tokens in (20, 4096, -1, None):
        assert _embeddings(vectors, input="a", truncate_prompt_tokens=tokens).shape == (1, 4)


def test_vectors_that_are_not_of_unit_length_stay_so() -> None:
    """A base without normalisation is served as it is measured; TEI's field scales them on request."""
    base = fake.EMBEDDING.model_copy(update={"normalize": False})
    with fake.client(fake.embedding(fake.FakeEncoder(scale=3.0), base)) as client:
        plain, scaled = (
            np.linalg.norm(answer(client, "/embed", inputs="咳嗽", **fields)[0])
            for fields in ({"normalize": False}, {"normalize": True})
        )
        short = np.linalg.norm(_embeddings(client, input="咳嗽", dimensions=2))
    np.testing.assert_allclose([plain, scaled, short], [3, 1, 3], rtol=1e-6)


def test_the_default_type_can_be_set() -> None:
    """For clients that can send neither the field nor another name."""
    from tcmbench.serving.input_types import InputType

    with fake.client(fake.embedding(input_type=InputType.DOCUMENT, name="known-as")) as client:
        np.testing.assert_array_equal(_embeddings(client, input="咳嗽", model="known-as"), expected("文献：咳嗽"))
        np.testing.assert_array_equal(_embeddings(client, input="咳嗽", input_type="none"), expected("咳嗽"))
        assert refusal(client, "/v1/embeddings", input="a", model="fake")[0] == 404


def test_a_model_whose_queries_are_mapped_needs_the_type() -> None:
    """Without one, the vectors of a query would be those of another model, in silence."""
    from tcmbench.encoders.runtime.changed_vectors import MappedQueries
    from tcmbench.serving.served import Served
    from tcmbench.serving.service import Service, ServiceOptions

    matrix = 2 * np.eye(4)
    mapped = MappedQueries(fake.FakeEncoder(), matrix=matrix, meta=fake.model_meta())
    mapped.open(None, revision="1")
    served = Served(fake.Model(name="mapped", base=fake.EMBEDDING, model_dir=None, revision="1"))
    with fake.client(Service(served, VectorEngine(mapped), ServiceOptions())) as client:
        query = _embeddings(client, input="咳嗽", input_type="query")
        np.testing.assert_allclose(query, 2 * expected("查询：咳嗽"), rtol=1e-6)
        np.testing.assert_array_equal(_embeddings(client, input="咳嗽", input_type="document"), expected("文献：咳嗽"))
        np.testing.assert_allclose(answer(client, "/score", query="咳嗽", doc="咳嗽")["score"],
                                   expected("查询：咳嗽")[0] @ expected("文献：咳嗽")[0], rtol=1e-6)  # fmt: skip
        assert "other vectors for queries" in refusal(client, "/v1/embeddings", input="a")[1]


def test_a_search_over_all_documents_cannot_be_served() -> None:
    """BM25 has no vector of a single text."""
    from tcmbench.serving import engines
    from tcmbench.specs.base import Base

    base = Base(name="bm25", kind="baseline", encoder="bm25")
    with pytest.raises(SpecError, match="depend on all documents of a collection"):
        engines.load(fake.Model(name="bm25", base=base, model_dir=None, revision="1"))


def test_requests_are_in_the_schema(vectors: TestClient) -> None:
    """Every path with its fields, without references that lead nowhere."""
    paths = vectors.get("/openapi.json").json()["paths"]
    body = paths["/embed"]["post"]["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert [set(one["required"]) for one in body] == [{"inputs"}, {"text"}]
    assert "$ref" not in str(rerank.RerankRequest.model_json_schema())


def test_groups_of_similar_length_are_put_back_in_order() -> None:
    """Where calls cost nothing, every length is computed apart; the answer is in the order of the request."""
    encoder = fake.FakeEncoder()
    service = fake.embedding(encoder)
    assert isinstance(service.engine, VectorEngine)
    service.engine.call_tokens = 0.0
    encoder.calls.clear()
    texts = ["咳嗽", "头", "咳嗽痰多", "痰", "咳嗽三日"]
    with fake.client(service) as client:
        np.testing.assert_array_equal(_embeddings(client, input=texts), expected(*texts))
    assert encoder.calls == [["咳嗽痰多", "咳嗽三日"], ["咳嗽"], ["头", "痰"]]
