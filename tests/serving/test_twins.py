"""Copies of a served model: they share its weights and nothing that changes while it computes."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models, processor
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.encoders.runtime.changed_vectors import MappedQueries
from tcmbench.errors import SpecError
from tcmbench.serving import engines
from tcmbench.serving.engines import QueryAndDocument, VectorEngine
from tcmbench.serving.input_types import InputType, TypedText
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
    first, second = side_by_side(VectorEngine(mapped), 2, name="mapped")
    assert second._encoder is not mapped
    assert second._encoder._matrix is mapped._matrix
    item = [TypedText(InputType.QUERY, "咳嗽")]
    np.testing.assert_array_equal(first(item).values, second(item).values)


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "mini-zh-reranker"])
def test_copies_that_compute_at_the_same_time_agree(name: str) -> None:
    """Texts of every length, in two threads, many times: a shared tokenizer fails here."""
    both = side_by_side(_engine(name), 2, name=name)
    items = _items(name)
    want = both[0](items).values

    def ask(engine: Any) -> list[Any]:
        return [engine(items[: 1 + turn % len(items)]).values for turn in range(20)]

    with ThreadPoolExecutor(2) as pool:
        for answers in pool.map(ask, both):
            for values in answers:
                np.testing.assert_allclose(values, want[: len(values)], atol=1e-6, rtol=2e-6)


@pytest.mark.parametrize(
    ("cores", "wanted", "threads", "expected"),
    [
        (8, None, None, (1, None)),
        (8, None, 2, (4, 2)),
        (8, None, 8, (1, None)),
        (8, 2, None, (2, 4)),
        (2, 4, 1, (4, 1)),
    ],
)
def test_batches_share_the_cores(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    wanted: int | None,
    threads: int | None,
    expected: tuple[int, int | None],
) -> None:
    """As many batches as fill the cores, where the user sets the threads of one."""
    import torch

    engine = _engine("mini-zh-static")
    given: list[int] = []
    monkeypatch.setattr(processor, "cores", lambda: cores)
    monkeypatch.setattr(processor, "threads_set", lambda: threads)
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    assert (len(side_by_side(engine, wanted, name="m")), given[0] if given else None) == expected


def test_a_runtime_of_one_batch_is_refused_several() -> None:
    """An engine outside torch may not be safe to ask twice at the same time."""
    engine = VectorEngine(CachedEncoder(fake.FakeEncoder(), cache_dir=None))
    assert side_by_side(engine, None, name="fake") == [engine]
    with pytest.raises(SpecError, match="one batch at a time"):
        side_by_side(engine, 2, name="fake")
