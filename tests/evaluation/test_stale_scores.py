"""Eight ways in which mteb shows a score or a vector of something else, and that none of them is possible here.

The first half of each test shows the problem in mteb itself: once it is fixed there, the test fails and can be removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb._create_dataloaders import create_dataloader
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.cache import ResultCache
from mteb.models.cache_wrappers import CachedEmbeddingWrapper
from mteb.types import PromptType
from safetensors.numpy import save_file

from tcmbench import models, tasks
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.evaluation import evaluate
from tests.fakes import META, ArrayEncoder, PlainTask, load

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
CASE = {"queries": ["q"], "documents": ["a", "b"], "qrels": {"q": {"a": 1}}}
RIGHT = {"query q": [1.0, 0.0], "text of a": [1.0, 0.1], "text of b": [0.0, 1.0]}
WRONG = {**RIGHT, "query q": [0.0, 1.0]}


def encoder(vectors: dict[str, list[float]]) -> ArrayEncoder:
    """Return an encoder; every one has the same name and revision, as models of mteb's often do."""
    return ArrayEncoder({text: np.array(vector, dtype=np.float32) for text, vector in vectors.items()})


def recall(model: Any, task: Any, cache: Path) -> float:
    """Return recall@1 as mteb reports it with its result cache, by its default strategy."""
    found = mteb.evaluate(model, task, cache=ResultCache(cache), co2_tracker=False, show_progress_bar=False)
    return float(found.task_results[0].scores["test"][0]["recall_at_1"])


def revised(revision: str) -> PlainTask:
    """Return the task with another revision of its data."""

    class Revised(PlainTask):
        metadata = TaskMetadata(**{**META, "dataset": {"path": "fake/fake", "revision": revision}})

    return Revised()


def folder(path: Path, weight: float) -> Path:
    """Write a folder of weights."""
    path.mkdir()
    save_file({"weight": np.array([weight], dtype=np.float32)}, path / "model.safetensors")
    (path / "config.json").write_text("{}", encoding="utf-8")
    return path


def model_key(tiny: Workspace, model_dir: Path) -> str:
    """Return the key under which a tuned model's score is kept."""
    base = models.base_model(tiny, "hashed-chars").base
    model = models.tuned_model(base, name="same/seed0", model_dir=model_dir, seed=0)
    return evaluate.score_key(model.revision, tasks.resolve(tiny, "TinyQA"), split="test", subset="default")


def test_a_model_tuned_in_memory(tmp_path: Path, tiny: Workspace) -> None:
    """A model that was trained on keeps its name, so mteb shows its old score; our key is the weights."""
    model = encoder(RIGHT)
    assert recall(model, load(PlainTask(), **CASE), tmp_path / "mteb") == 1.0
    model.vectors = encoder(WRONG).vectors
    assert recall(model, load(PlainTask(), **CASE), tmp_path / "mteb") == 1.0
    assert recall(model, load(PlainTask(), **CASE), tmp_path / "fresh") == 0.0

    weights = folder(tmp_path / "model", 1.0)
    before = model_key(tiny, weights)
    save_file({"weight": np.array([2.0], dtype=np.float32)}, weights / "model.safetensors")
    assert before != model_key(tiny, weights)


def test_models_from_folders(tmp_path: Path, tiny: Workspace) -> None:
    """Models that mteb names alike share a score; ours share one only when their weights are equal."""
    assert recall(encoder(RIGHT), load(PlainTask(), **CASE), tmp_path / "mteb") == 1.0
    assert recall(encoder(WRONG), load(PlainTask(), **CASE), tmp_path / "mteb") == 1.0

    first, second, copy = (folder(tmp_path / name, weight) for name, weight in (("a", 1.0), ("b", 2.0), ("c", 1.0)))
    assert model_key(tiny, first) != model_key(tiny, second)
    assert model_key(tiny, first) == model_key(tiny, copy)


def test_a_changed_dataset(tmp_path: Path, tiny: Workspace) -> None:
    """Data of another revision is answered by mteb from the old; ours is another task."""
    changed = {**CASE, "qrels": {"q": {"b": 1}}}
    assert recall(encoder(RIGHT), load(revised("1"), **CASE), tmp_path / "mteb") == 1.0
    assert recall(encoder(RIGHT), load(revised("2"), **changed), tmp_path / "mteb") == 1.0
    assert recall(encoder(RIGHT), load(revised("2"), **changed), tmp_path / "fresh") == 0.0

    task = tasks.resolve(tiny, "TinyQA")
    path = tiny.data_root / "general-synth/qa-retrieval/queries.jsonl"
    original = path.read_bytes()
    try:
        path.write_bytes(original.rstrip(b"\n") + b"\n\n")
        assert tasks.resolve(tiny, "TinyQA").revision != task.revision
    finally:
        path.write_bytes(original)
    assert tasks.resolve(tiny, "TinyQA").revision == task.revision


def test_other_candidates(tmp_path: Path, tiny: Workspace) -> None:
    """A reranking task with other candidates is answered by mteb from the old ones; ours is another task."""
    pools = {"top_ranked": {"q": ["a", "b"]}}, {"top_ranked": {"q": ["b"]}}
    assert recall(encoder(RIGHT), load(PlainTask(), **CASE, **pools[0]), tmp_path / "mteb") == 1.0
    assert recall(encoder(RIGHT), load(PlainTask(), **CASE, **pools[1]), tmp_path / "mteb") == 1.0
    assert recall(encoder(RIGHT), load(PlainTask(), **CASE, **pools[1]), tmp_path / "fresh") == 0.0

    path = tiny.root / "tasks/TinyReranking.toml"
    original = path.read_text(encoding="utf-8")
    task = tasks.resolve(tiny, "TinyReranking")
    try:
        path.write_text(original.replace("confusable = 4", "confusable = 5"), encoding="utf-8")
        assert tasks.resolve(tiny, "TinyReranking").revision != task.revision
    finally:
        path.write_text(original, encoding="utf-8")


class Listening:
    """Encodes a text as its length, and remembers what it was given; mteb's encoder and ours."""

    max_length = 64
    dtype = "float32"

    def __init__(self, *, revision: str = "1", factor: float = 1.0, prompt: str = "") -> None:
        self.mteb_model_meta = encoder(RIGHT).mteb_model_meta
        self.revision, self.factor, self.prompt = revision, factor, prompt
        self.seen: list[str] = []

    def prompt_for(self, task_metadata: object, prompt_type: object) -> str:
        """Return its prompt."""
        return self.prompt

    def token_lengths(self, texts: list[str]) -> list[int]:
        """Return the length in characters."""
        return [len(text) for text in texts]

    def encode_texts(self, texts: list[str]) -> Any:
        """Return the lengths."""
        self.seen += texts
        return np.array([[self.factor * len(text), 1.0] for text in texts], dtype=np.float32)

    def encode(self, inputs: Any, **_: Any) -> Any:
        """Return the lengths of text and prompt."""
        return self.encode_texts([self.prompt + text for batch in inputs for text in batch["text"]])


def encode(model: Any, rows: dict[str, list[str]]) -> list[float]:
    """Return the first number of each vector, through the loader that mteb makes."""
    loader = create_dataloader(
        Dataset.from_dict(rows), task_metadata=PlainTask.metadata, prompt_type=PromptType.document
    )
    found = model.encode(
        loader,
        task_metadata=PlainTask.metadata,
        hf_split="test",
        hf_subset="default",
        prompt_type=PromptType.document,
    )
    return [float(value) for value in np.asarray(found)[:, 0]]


def test_doubled_titles(tmp_path: Path) -> None:
    """Through mteb's embedding cache a document's title comes twice; through ours once."""
    rows = {"id": ["1"], "text": ["正文"], "title": ["题"]}
    theirs, ours = Listening(), Listening()
    encode(CachedEmbeddingWrapper(theirs, tmp_path / "mteb"), rows)
    encode(CachedEncoder(ours, cache_dir=tmp_path / "ours"), rows)
    assert (theirs.seen, ours.seen) == (["题 题 正文"], ["题 正文"])


def test_vectors_of_another_model(tmp_path: Path) -> None:
    """A second model is given the vectors of the first by mteb's cache; ours keeps revisions apart."""
    rows = {"id": ["1"], "text": ["正文"]}
    pair = Listening(revision="1"), Listening(revision="2", factor=10.0)
    theirs = [encode(CachedEmbeddingWrapper(model, tmp_path / "mteb"), rows) for model in pair]
    ours = [encode(CachedEncoder(model, cache_dir=tmp_path / "ours"), rows) for model in pair]
    assert (theirs, ours) == ([[2.0], [2.0]], [[2.0], [20.0]])


def test_vectors_under_another_prompt(tmp_path: Path) -> None:
    """A changed prompt changes nothing in mteb's cache; in ours it is another text."""
    rows = {"id": ["1"], "text": ["正文"]}
    pair = Listening(), Listening(prompt="文：")
    theirs = [encode(CachedEmbeddingWrapper(model, tmp_path / "mteb"), rows) for model in pair]
    ours = [encode(CachedEncoder(model, cache_dir=tmp_path / "ours"), rows) for model in pair]
    assert (theirs, ours) == ([[2.0], [2.0]], [[2.0], [4.0]])


def test_vectors_after_a_repeated_text(tmp_path: Path) -> None:
    """After a repeat mteb's FAISS cache gives texts the vectors of their neighbours; ours gives each its own."""
    from mteb.models.cache_wrappers.cache_backends.faiss_cache import FaissCache

    rows = {"id": ["1", "2", "3", "4"], "text": ["一", "一", "二二", "三三三"]}
    for cache in ("mteb", "ours"):
        (tmp_path / cache).mkdir()
    wrapper = CachedEmbeddingWrapper(Listening(), tmp_path / "mteb", FaissCache)
    encode(wrapper, rows)
    encode(CachedEncoder(Listening(), cache_dir=tmp_path / "ours"), rows)
    ours = encode(CachedEncoder(Listening(), cache_dir=tmp_path / "ours"), rows)
    assert ours == [1.0, 1.0, 2.0, 3.0]
    assert encode(wrapper, rows) != ours
