"""A server that changes, cuts, strips, ignores or makes up something is noticed before a score of it is stored."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models
from tcmbench.encoders.runtime.canaries import DOCUMENTS, QUERY, SHORT, TEXTS
from tcmbench.encoders.runtime.drift import EMPTY
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError, UnknownName
from tcmbench.workspace import Workspace, bundled_content, find
from tests.encoders.test_endpoint import TEXTS as OWN
from tests.encoders.test_endpoint import base, opened
from tests.model_server import Model, server, vector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["server"]


def pairs(model: Any, documents: list[str]) -> list[float]:
    """Return the scores of documents for one query."""
    scores: list[float] = model.predict([{"text": ["咳嗽痰多"] * len(documents)}], [{"text": documents}]).tolist()
    return scores


def swapped_after(server: Model, requests: int) -> Callable[[list[str]], list[Any]]:
    """Return vectors of one model, and after some requests of another."""
    left = [requests]

    def vectors(texts: list[str]) -> list[Any]:
        left[0] -= 1
        return [vector(text, 0.0 if left[0] >= 0 else 1.0) for text in texts]

    return vectors


def test_a_swap_in_mid_run_is_noticed_with_the_first_of_its_vectors(server: Model, tmp_path: Path) -> None:
    """Those that were confirmed are kept, none since then are: all of these are asked for again."""
    model = opened(base(server, batch_texts=5, connections=1), tmp_path)
    model.encode_list(OWN[:4])
    server.vectors = swapped_after(server, 2)
    with pytest.raises(EvaluationError, match="the canary of a request has another vector"):
        model.encode_list(OWN)
    server.vectors = None
    server.seen.clear()
    model.encode_list(OWN)
    sent = {text for body in server.seen for text in body["input"]}
    assert len(sent & set(OWN)) == len(OWN) - 4
    expected = np.array([vector(text, 0.0) for text in OWN], dtype=np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(model.encode_list(OWN), expected, atol=1e-6)


def test_what_only_long_texts_show_is_noticed_before_a_vector_is_stored(server: Model, tmp_path: Path) -> None:
    """That of each request is short, so all are asked for before vectors are kept: a killed process leaves none."""
    server.reads = 1000
    given = base(server).model_copy(update={"max_length": 1000})
    model = opened(given, tmp_path)
    model.encode_list(OWN[:5])
    server.reads = 500
    with pytest.raises(EvaluationError, match=r"canaries have changed .*long texts .*at most the first 800 characters"):
        model.encode_list(OWN)
    server.reads = 1000
    server.seen.clear()
    model.encode_list(OWN)
    sent = {text for body in server.seen for text in body["input"]}
    assert sent & set(OWN) == set(OWN[5:])


def test_vectors_are_stored_after_another_look(server: Model, tmp_path: Path) -> None:
    """Cached texts ask nobody."""
    model = opened(base(server), tmp_path)
    model.encode_list(OWN)
    own = [place for place, body in enumerate(server.seen) if set(OWN) & set(body["input"])]
    assert any(SHORT in body["input"] for body in server.seen[own[-1] + 1 :])
    before = len(server.seen)
    model.encode_list(OWN)
    model.confirm()
    assert len(server.seen) == before


def test_a_reranker_has_canaries(server: Model, tmp_path: Path) -> None:
    """Another one under the same revision is refused; its scores aren't kept."""
    given = base(server, kind="reranker")
    assert pairs(opened(given, tmp_path), ["咳嗽", "痰多咳"]) == [2.0, 3.0]
    server.turn = 5.0
    with pytest.raises(EvaluationError, match="canaries have changed under the same revision"):
        pairs(opened(given, tmp_path), ["咳多"])
    server.turn = 0.0
    model = opened(given, tmp_path)
    assert pairs(model, ["咳多"]) == [2.0]
    looks = [0]

    def scores(query: str, documents: list[str]) -> list[float]:
        looks[0] += query == QUERY
        return [float(len(set(query) & set(text))) + (9 if looks[0] > 0 else 0) for text in documents]

    server.scores = scores
    with pytest.raises(EvaluationError, match="canaries have changed"):
        pairs(model, ["咳嗽痰", "咳嗽"])
    server.scores = None
    assert pairs(model, ["咳嗽痰", "咳嗽"]) == [3.0, 2.0]


@pytest.mark.parametrize("made", [[0.0] * 4, [float("nan")] * 4, [1.0, float("inf"), 0.0, 0.0]], ids=str)
def test_canaries_that_are_no_vectors_are_not_kept(server: Model, tmp_path: Path, made: list[float]) -> None:
    """The healthy server is taken afterwards, under the same revision."""
    server.vectors = lambda texts: [made if text == TEXTS["English"] else vector(text, 0.0) for text in texts]
    with pytest.raises(EvaluationError, match=r"vector of English is NaN, infinite or zero"):
        opened(base(server), tmp_path).encode_list(OWN)
    server.vectors = None
    assert len(opened(base(server), tmp_path).encode_list(OWN)) == len(OWN)


def test_a_server_that_reads_nothing_is_refused(server: Model, tmp_path: Path) -> None:
    """Canaries that are all alike accept any model."""
    server.vectors = lambda texts: [[1.0, 2.0, 3.0]] * len(texts)
    with pytest.raises(EvaluationError, match=r"the same vector for \d+ different texts"):
        opened(base(server), tmp_path).encode_list(OWN)
    server.scores = lambda _, texts: [0.5] * len(texts)
    with pytest.raises(EvaluationError, match=r"the same score for \d+ different texts"):
        pairs(opened(base(server, kind="reranker"), tmp_path), ["咳"])


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(
    ("reads", "refuses", "words"),
    [
        (64, 0, ""), (76, 0, ""), (100, 0, "of more than max_length tokens"), (100, 90, "of more than max_length"),
        (64, 70, ""), (30, 0, "reads only 30 tokens"),
    ],
)  # fmt: skip
def test_how_much_a_server_reads_is_checked(
    server: Model, tmp_path: Path, reads: int, refuses: int, words: str, counts: bool
) -> None:
    """A quarter more than max_length is noticed; less only where the server counts."""
    server.reads, server.refuses, server.counts = reads, refuses, counts
    model = opened(base(server), tmp_path)
    if words and (counts or reads > 64):
        with pytest.raises(EvaluationError, match=words):
            model.encode_list(["短"])
    else:
        assert len(model.encode_list(["短"])) == 1


def test_a_reranker_that_reads_too_much_is_refused(server: Model, tmp_path: Path) -> None:
    """With what to do."""
    server.reads = 200
    server.scores = lambda query, texts: [float(sum(map(ord, query + text)) % 91) for text in texts]
    with pytest.raises(EvaluationError, match="`tokenizer` in the options"):
        pairs(opened(base(server, kind="reranker"), tmp_path), ["咳"])


def test_an_empty_text_may_be_sent_as_another(server: Model, tmp_path: Path) -> None:
    """A strict server refuses it; what stands for it is part of the revision."""
    server.refuses_empty = True
    model = opened(base(server), tmp_path)
    assert len(model.encode_list(["短"])) == 1
    with pytest.raises(EvaluationError, match="refuses the request: 400"):
        model.encode_list(["短", ""])
    given = base(server, empty_text=" ")
    assert models.revision(given, None) != models.revision(base(server), None)
    assert len(opened(given, tmp_path).encode_list(["短", ""])) == 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with two local models."""
    root = tmp_path_factory.mktemp("local")
    for folder in ("tasks/suites", "models/bases"):
        (root / folder).mkdir(parents=True)
    shutil.copytree(bundled_content() / "models/mini-zh-static", root / "models/static")
    for name in ("static", "other"):
        text = f'kind = "embedding"\npath = "static"\narchitecture = "static"\ndocument_prompt = "{name}"\n'
        (root / f"models/bases/{name}.toml").write_text(text, encoding="utf-8")
    return find(root, cache=root / "store")


def declared(
    place: Workspace, server: Model, *, store: Path, kind: str = "embedding", max_length: int = 3000, **options: str
) -> Any:
    """Return a served model of the workspace, loaded with a store of its own."""
    listed = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    (place.root / "models/bases/far.toml").write_text(
        f'kind = "{kind}"\nencoder = "endpoint"\nmax_length = {max_length}\n[options]\nurl = "{server.url}"\n'
        f'model = "m"\nrevision = "1"\npause = 0.0\n{listed}',
        encoding="utf-8",
    )
    return models.load(models.base_model(place, "far"), cache=store)


def local(place: Workspace) -> Callable[[list[str]], list[Any]]:
    """Return the vectors of the local model."""
    loaded = models.load(models.base_model(place, "static"), cache=place.cache)
    return lambda texts: loaded.encode_list(texts).tolist()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("", ""), ("noise", "a little, about alike: half precision"), ("strips", "outer white space"),
        ("turn", "another model"),
        ("reads", "at most the first 100 characters"), ("empty", "only the empty text differs"),
    ],
)  # fmt: skip
def test_a_server_is_held_to_local_weights(
    place: Workspace, server: Model, tmp_path: Path, fault: str, words: str
) -> None:
    """same_as: texts are cut by the local tokenizer, and the canaries have to be the same to 1e-4."""
    vectors = local(place)
    server.reads, server.strips = 100 if fault == "reads" else 10_000, fault == "strips"
    random = np.random.default_rng(0)

    def served(texts: list[str]) -> list[Any]:
        made = np.array(vectors([text or "证" for text in texts] if fault == "empty" else texts))
        made = made[:, ::-1] if fault == "turn" else made
        return (made + (random.normal(0, 1e-3, made.shape) if fault == "noise" else 0)).tolist()

    server.vectors = served
    model = declared(place, server, store=tmp_path, same_as="static")
    texts = [f"新的文字{fault}", "证，" * 4000]
    if not words:
        np.testing.assert_allclose(model.encode_list(texts)[:1], vectors(texts)[:1], atol=1e-6)
        assert max(len(text) for body in server.seen for text in body["input"]) < 3500, "cut here"
        return
    with pytest.raises(EvaluationError, match=words):
        model.encode_list(texts)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"same_as": "nobody"}, UnknownName, "far: same_as: no base named 'nobody'"),
        ({"same_as": "tfidf"}, SpecError, "with weights on this machine, got tfidf"),
        ({"same_as": "mini-zh-reranker"}, SpecError, "of kind 'embedding' with weights"),
        ({"tokenizer": "bge-small-zh-v1.5"}, ModelAbsent, "bge-small-zh"),
    ],
)  # fmt: skip
def test_a_base_that_cannot_be_compared_with_is_named(
    place: Workspace, server: Model, tmp_path: Path, options: dict[str, str], error: type[Exception], words: str
) -> None:
    """When the model is loaded; its stored scores can be read without it."""
    with pytest.raises(error, match=words):
        declared(place, server, store=tmp_path, **options)


def test_labels_of_canaries_are_those_that_drift_is_told_by() -> None:
    """Long ones begin with shorter ones, and each odd one has a plain twin."""
    for texts in (TEXTS, DOCUMENTS):
        longs = [text for label, text in texts.items() if label.endswith(" characters")]
        assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(longs))
        assert texts["a trailing newline"].strip() in texts.values()
        assert EMPTY not in texts
