"""Copies of a served model: they share its weights and nothing that changes while it computes."""

from __future__ import annotations

import copy
import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models, processor
from tcmbench.encoders._exported import ExportedEncoder
from tcmbench.encoders.runtime.changed_vectors import MappedQueries
from tcmbench.encoders.runtime.soundness import guard
from tcmbench.encoders.vllm import VllmEncoder
from tcmbench.errors import SpecError
from tcmbench.serving import engines
from tcmbench.serving.engines import QueryAndDocument, VectorEngine
from tcmbench.serving.input_types import InputType, TypedText
from tcmbench.serving.served import Served
from tcmbench.serving.service import Service, ServiceOptions
from tcmbench.serving.twins import side_by_side
from tcmbench.workspace import find
from tests.serving import fake

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = ["咳嗽", "胸闷气短，动则加重", "", " 舌红苔黄 ", "眩晕" * 700]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Leave torch the threads that it had."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@functools.cache
def _engine(name: str) -> Any:
    return engines.load(models.base_model(find(Path(__file__).parent), name), device="cpu")


def _items(name: str) -> list[Any]:
    if name == "mini-zh-reranker":
        return [QueryAndDocument("咳嗽", text) for text in TEXTS]
    return [TypedText(InputType.DOCUMENT, text) for text in TEXTS]


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "mini-zh-reranker"])
def test_copies_have_the_weights_and_a_tokenizer_of_their_own(name: str) -> None:
    """No number of the model is in memory twice."""
    first, second = side_by_side(_engine(name), 2, name=name)
    assert first.module is not second.module
    assert first.module.tokenizer is not second.module.tokenizer
    for one, other in zip(first.module.parameters(), second.module.parameters(), strict=True):
        assert one is other


def test_what_is_read_beside_the_module_is_shared() -> None:
    """A matrix, or vectors of documents, may be as large as the model."""
    mapped = MappedQueries(_engine("mini-zh-static")._dense, matrix=2 * np.eye(384), meta=fake.model_meta())
    mapped.open(None, revision="1")
    mapped = guard(mapped, name="mapped")
    first, second = side_by_side(VectorEngine(mapped), 2, name="mapped")
    assert second._encoder is not mapped
    assert second._encoder._matrix is mapped._matrix
    assert second._encoder.encode.__self__ is second._encoder
    item = [TypedText(InputType.QUERY, "咳嗽")]
    np.testing.assert_array_equal(first(item).values, second(item).values)


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "mini-zh-reranker"])
def test_a_copy_computes_by_itself(name: str) -> None:
    """What guards a loaded model goes with the copy, and doesn't call the original."""
    first, second = side_by_side(_engine(name), 2, name=name)
    counters = [_counters(engine) for engine in (first, second)]
    before = [each.texts for each in counters]
    second(_items(name))
    after = [each.texts for each in counters]
    assert after[0] == before[0]
    assert after[1] > before[1]


def _counters(engine: Any) -> Any:
    return (engine._encoder if isinstance(engine, VectorEngine) else engine._model)._batches


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "mini-zh-reranker"])
def test_copies_that_compute_at_the_same_time_agree(name: str) -> None:
    """Texts of every length, in two threads, many times."""
    both = side_by_side(_engine(name), 2, name=name)
    items = _items(name)
    want = both[0](items).values

    def ask(engine: Any) -> list[Any]:
        return [engine(items[: 1 + turn % len(items)]).values for turn in range(20)]

    with ThreadPoolExecutor(2) as pool:
        for answers in pool.map(ask, both):
            for values in answers:
                np.testing.assert_allclose(values, want[: len(values)], atol=1e-6, rtol=2e-6)


def test_batches_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the cost of a call is that with a share of the threads."""
    import torch

    engine = _engine("mini-zh-static")
    given: list[int] = []
    monkeypatch.setattr(processor, "cores", lambda: 8)
    monkeypatch.setattr(processor, "threads_set", lambda: None)
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(engine, "measure_call", lambda: given.append(-1))
    assert side_by_side(engine, 1, name="m") == [engine]
    assert given == []
    assert len(side_by_side(engine, 2, name="m")) == 2
    assert given == [4, -1]


@pytest.mark.parametrize("kind", [ExportedEncoder, VllmEncoder])
def test_a_runtime_of_one_batch_is_refused_several(kind: type[Any]) -> None:
    """An engine outside torch may not be safe to ask twice at the same time."""
    engine = copy.copy(_engine("mini-zh-static"))
    engine._dense = object.__new__(kind)
    with pytest.raises(SpecError, match="its runtime computes one batch at a time"):
        side_by_side(engine, 2, name="m")


def test_a_gpu_is_refused_several() -> None:
    """Each copy would take half of its memory."""
    import torch

    engine = copy.copy(_engine("mini-zh-static"))
    engine._dense = copy.copy(engine._dense)
    engine._dense.model = torch.nn.Linear(1, 1, device="meta")
    with pytest.raises(SpecError, match="a GPU computes one batch at a time"):
        side_by_side(engine, 2, name="m")


def test_a_service_of_two_batches_answers_as_one_of_one() -> None:
    """From requests at the same time to vectors, as the command serves it."""
    fake.require()
    workspace = find(Path(__file__).parent)
    model = models.base_model(workspace, "mini-zh")
    engine = engines.load(model, device="cpu")
    want = engine([TypedText(InputType.NONE, text) for text in TEXTS[:4] * 8]).values
    service = Service(Served(model), engine, ServiceOptions(parallel_batches=2))
    with fake.client(service) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: client.post("/embed", json={"inputs": text}).json()[0], TEXTS[:4] * 8))
        assert len(service.queue._threads) == 2
    np.testing.assert_allclose(np.array(answers), want, atol=1e-6, rtol=0)
