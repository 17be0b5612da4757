"""The bundled models over loopback, with the clients that people use: the vectors and scores of evaluation."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models
from tcmbench.models.canaries import DOCUMENTS, QUERIES
from tcmbench.workspace import find
from tests.serving import fake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.serving.service import Service

fake.require()

TOLERANCE = 1e-6
TEXTS = [*QUERIES, *DOCUMENTS, "", "  虚 实\n", "咳嗽痰多，" * 400]


@contextlib.contextmanager
def listening(service: Service) -> Iterator[str]:
    """Yield the address of a server in a thread."""
    import uvicorn

    from tcmbench.serving.app import application
    from tcmbench.serving.server import bound

    app = application(service, key="", is_local=True)
    one = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    with bound("127.0.0.1", 0) as socket:
        thread = threading.Thread(target=one.run, kwargs={"sockets": [socket]})
        thread.start()
        while not one.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        one.should_exit = True
        thread.join()


def _service(name: str) -> Service:
    from tcmbench.serving import engines
    from tcmbench.serving.served import Served
    from tcmbench.serving.service import Service, ServiceOptions

    model = models.base_model(find(Path(__file__).parent), name)
    return Service(Served(model), engines.load(model, device="cpu"), ServiceOptions())


@pytest.fixture(scope="module")
def vectors() -> Iterator[str]:
    """The address of mini-zh."""
    with listening(_service("mini-zh")) as url:
        yield url


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """mini-zh as evaluation loads it."""
    model = models.base_model(find(Path(__file__).parent), "mini-zh")
    return models.load(model, cache=tmp_path_factory.mktemp("store"), device="cpu")


@contextlib.contextmanager
def _openai(url: str) -> Iterator[Any]:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=300) as client:
        yield client


def test_the_openai_client_gets_the_vectors_of_evaluation(vectors: str, evaluated: Any) -> None:
    """In base64, its own choice, and as numbers; cut, blank and with spaces at their ends."""
    query = evaluated.inner.prompt_for(_Retrieval, "query")
    want = evaluated.encode_list([query + text for text in TEXTS])
    with _openai(vectors) as client:
        for fields in ({}, {"encoding_format": "float"}):
            got = client.embeddings.create(input=TEXTS, model="mini-zh-query", **fields)
            np.testing.assert_allclose(np.array([row.embedding for row in got.data]), want, atol=TOLERANCE, rtol=0)
        got = client.embeddings.create(input=TEXTS, model="mini-zh", extra_body={"input_type": "document"})
        want = evaluated.encode_list(TEXTS)
        np.testing.assert_allclose(np.array([row.embedding for row in got.data]), want, atol=TOLERANCE, rtol=0)
        assert [model.id for model in client.models.list()] == ["mini-zh"]


class _Retrieval:
    type = "Retrieval"


def test_concurrent_requests_get_the_vectors_of_evaluation(vectors: str, evaluated: Any) -> None:
    """Whatever they share a batch with."""
    from concurrent.futures import ThreadPoolExecutor

    want = evaluated.encode_list(TEXTS)
    with _openai(vectors) as client, ThreadPoolExecutor(8) as pool:
        got = pool.map(lambda text: client.embeddings.create(input=text, model="mini-zh").data[0].embedding, TEXTS)
        np.testing.assert_allclose(np.array(list(got)), want, atol=TOLERANCE, rtol=0)


def test_the_api_model_of_mteb_gets_the_vectors_of_evaluation(vectors: str, evaluated: Any) -> None:
    """With the prompts on its side, as docs/serving.md has it: its `prompt_dict` alone is ignored."""
    from mteb.models.openai_wrappers import OpenAIAPIEncodeWrapper
    from mteb.types import PromptType

    prompts = {kind: evaluated.inner.prompt_for(_Retrieval, kind.value) for kind in PromptType}
    wrapper = OpenAIAPIEncodeWrapper(
        vectors,
        "mini-zh",
        prompt_dict={},
        use_instructions=True,
        instruction_template=lambda _, kind: prompts[kind],
        modalities=["text"],
        use_chat_template=False,
    )
    for kind in PromptType:
        inputs: Any = [{"text": list(QUERIES)}]
        got = wrapper.encode(
            inputs, task_metadata=fake_task(), hf_split="", hf_subset="", prompt_type=kind, show_progress_bar=False
        )
        want = evaluated.encode_list([prompts[kind] + text for text in QUERIES])
        np.testing.assert_allclose(got, want, atol=TOLERANCE, rtol=0)


def fake_task() -> Any:
    """Return the metadata of a retrieval task."""
    from mteb.abstasks.task_metadata import TaskMetadata

    from tests.fakes import META

    return TaskMetadata(**META)


def test_our_own_endpoint_encoder_reads_it(vectors: str, evaluated: Any, tmp_path: Path) -> None:
    """`tcmbench eval URL` finds the only model and encodes the same."""
    from tcmbench.models import given

    place = find(tmp_path, cache=tmp_path / "store")
    place, called = given.register(place, [f"{vectors}/v1"])
    model = models.base_model(place, next(iter(called.values())))
    loaded: Any = models.load(model, cache=tmp_path / "store")
    np.testing.assert_allclose(
        loaded.encode_list(list(DOCUMENTS)), evaluated.encode_list(list(DOCUMENTS)), atol=TOLERANCE, rtol=0
    )


def test_rerankers_get_the_scores_of_evaluation(tmp_path: Path) -> None:
    """Logits in the plain form; from 0 to 1 through mteb's model; sorted by the dialects of our endpoint encoder."""
    from mteb.models.openai_wrappers import OpenAIAPIRerankWrapper

    place = find(Path(__file__).parent)
    model = models.base_model(place, "mini-zh-reranker")
    evaluated: Any = models.load(model, cache=tmp_path, device="cpu")
    pairs = [(query, document) for query in QUERIES for document in (*DOCUMENTS, "", "湿" * 2000)]
    queries, documents = ([{"text": [pair[side] for pair in pairs]}] for side in (0, 1))
    want = evaluated.predict(queries, documents)
    import httpx

    with listening(_service("mini-zh-reranker")) as url, httpx.Client(base_url=url, timeout=300) as client:
        got = [
            score
            for query in QUERIES
            for score in client.post(
                "/score_batch", json={"query": query, "docs": [d for q, d in pairs if q == query]}
            ).json()["scores"]
        ]
        np.testing.assert_allclose(got, want, atol=TOLERANCE, rtol=TOLERANCE)
        wrapper = OpenAIAPIRerankWrapper(url, "mini-zh-reranker", modalities=["text"])
        inputs: Any = ([{"text": [pair[side] for pair in pairs[:4]]}] for side in (0, 1))
        shares = wrapper.predict(*inputs, task_metadata=fake_task(), hf_split="test", hf_subset="default",
                                 show_progress_bar=False)  # fmt: skip
        np.testing.assert_allclose(shares, 1 / (1 + np.exp(-want[:4])), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("name", "task", "limit"), [("mini-zh", "SynthSTS", 40), ("mini-zh-reranker", "SynthReranking", 8)]
)
def test_verify_finds_what_is_served_to_be_what_was_measured(name: str, task: str, limit: int, tmp_path: Path) -> None:
    """Of a vector model, and of a reranker, whose instruction is a field that `serve` takes."""
    from tcmbench.checks import verify, verify_texts

    with listening(_service(name)) as url:
        question = verify.Question(f"{url}/v1", name, tasks=(task,), limit=limit)
        found = verify.prepare(find(Path(__file__).parent, cache=tmp_path), question).verify(emit=lambda _: None)
    assert found.outcome == "same", verify_texts.as_text(found)
    assert found.canaries is not None
    assert found.canaries.largest < (1e-5 if "reranker" in name else TOLERANCE)  # logits of up to 18


def test_served_texts_leave_nothing_on_disk(tmp_path: Path) -> None:
    """No vector and no digest: texts of users are not a cache's business."""
    model = models.base_model(find(Path(__file__).parent), "hashed-chars")
    loaded: Any = models.load(model, cache=None)
    assert loaded.encode_list(["咳嗽", "头痛"]).shape[0] == 2
    assert list(tmp_path.iterdir()) == []
    assert loaded.space.get([b"0" * 16])[0].tolist() == [False]
