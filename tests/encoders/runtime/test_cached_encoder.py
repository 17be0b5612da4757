"""The encoder for mteb encodes every text once, in order, for all callers."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import mteb
import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mteb._create_dataloaders import create_dataloader
from mteb.models import EncoderProtocol, SearchProtocol
from mteb.types import PromptType

from tcmbench.encoders.runtime import cached_encoder
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.encoders.runtime.embedding_cache import digest
from tcmbench.encoders.runtime.loaders import text_loader, texts_of
from tcmbench.errors import EvaluationError
from tests.fakes import FastTask, PlainTask, load, model_meta, scores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class CountingEncoder:
    """Encodes a text as its length and first characters, and remembers its batches."""

    max_length = 64
    dtype = "float32"
    batch_tokens = 24

    def __init__(self, revision: str = "r1") -> None:
        self.mteb_model_meta = model_meta()
        self.revision = revision
        self.batches = []

    def prompt_for(self, task_metadata: object, prompt_type: PromptType) -> str:
        """Return a prompt for queries."""
        return "问：" if prompt_type == PromptType.query else ""

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the length in characters."""
        return [len(text) for text in texts]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return length and code points."""
        self.batches.append(list(texts))
        return np.array([[len(t), *(ord(c) for c in t[:5].ljust(5))] for t in texts], dtype=np.float32)


def loader(texts: Sequence[str], prompt_type: PromptType | None = None) -> Any:
    """Return texts as mteb hands them over."""
    dataset = Dataset.from_dict({"id": [str(i) for i in range(len(texts))], "text": list(texts)})
    return create_dataloader(
        dataset, task_metadata=PlainTask.metadata, prompt_type=prompt_type, input_column="text", batch_size=3
    )


def encode(model: Any, texts: Sequence[str], prompt_type: PromptType | None = None) -> NDArray[np.float32]:
    """Return the vectors that mteb gets."""
    return model.encode(
        loader(texts, prompt_type),
        task_metadata=PlainTask.metadata,
        hf_split="test",
        hf_subset="default",
        prompt_type=prompt_type,
    )


def test_it_is_an_encoder_of_mteb(tmp_path: Path) -> None:
    """To mteb it is an encoder and not a search model."""
    model = CachedEncoder(CountingEncoder(), cache_dir=tmp_path)
    assert isinstance(model, EncoderProtocol)
    assert not isinstance(model, SearchProtocol)


@settings(max_examples=40)
@given(st.lists(st.lists(st.text("甲乙丙 ab", max_size=12), max_size=12), min_size=1, max_size=3))
def test_order_is_restored_and_nothing_is_encoded_twice(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]]
) -> None:
    """Vectors come in the order asked for, and each text is encoded once over all calls and processes."""
    root = tmp_path_factory.mktemp("cache")
    inner = CountingEncoder()
    for texts in rounds:
        model = CachedEncoder(inner, cache_dir=root)
        expected = CountingEncoder().encode_texts(texts) if texts else None
        actual = model.encode_list(texts)
        assert len(actual) == len(texts)
        if texts:
            np.testing.assert_array_equal(expected, actual)
    encoded = [text for batch in inner.batches for text in batch]
    assert sorted(encoded) == sorted({text for texts in rounds for text in texts})


def test_batches_hold_like_lengths_within_the_budget(tmp_path: Path) -> None:
    """Longest first, and no batch above the budget of tokens, padding included."""
    inner = CountingEncoder()
    model = CachedEncoder(inner, cache_dir=tmp_path)
    texts = ["字" * (1 + number % 12) + str(number) for number in range(60)]
    model.encode_list(texts)
    lengths = [[len(text) for text in batch] for batch in inner.batches]
    assert [n for batch in lengths for n in batch] == sorted((len(t) for t in texts), reverse=True)
    assert all(len(batch) * max(batch) <= 24 for batch in lengths)
    assert (model.encoded_texts, model.encoded_tokens) == (60, sum(map(len, texts)))
    assert model.padded_tokens <= 1.15 * model.encoded_tokens


def test_a_text_longer_than_the_budget_goes_alone(tmp_path: Path) -> None:
    """A budget below one text does not stop it."""
    inner = CountingEncoder()
    CachedEncoder(inner, cache_dir=tmp_path).encode_list(["长" * 40, "短"])
    assert inner.batches == [["长" * 40], ["短"]]


def test_prompts_are_part_of_the_text(tmp_path: Path) -> None:
    """The same text as a query and as a document are two texts; two tasks that share a prompt share the vector."""
    inner = CountingEncoder()
    model = CachedEncoder(inner, cache_dir=tmp_path)
    query, document = (encode(model, ["咳嗽"], kind) for kind in (PromptType.query, PromptType.document))
    np.testing.assert_array_equal(CountingEncoder().encode_texts(["问：咳嗽"]), query)
    np.testing.assert_array_equal(CountingEncoder().encode_texts(["咳嗽"]), document)
    encode(model, ["咳嗽"], PromptType.query)
    assert inner.batches == [["问：咳嗽"], ["咳嗽"]]


def test_revisions_do_not_share(tmp_path: Path) -> None:
    """A tuned model under the same name gets vectors of its own."""
    first, second = CountingEncoder("r1"), CountingEncoder("r2")
    for inner in (first, second):
        CachedEncoder(inner, cache_dir=tmp_path).encode_list(["a"])
    assert (first.batches, second.batches) == ([["a"]], [["a"]])


def test_work_is_saved_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill in the middle, what was encoded before is not encoded again."""
    monkeypatch.setattr("tcmbench.encoders.runtime.cached_encoder._SAVED_TEXTS", 2)

    class Dying(CountingEncoder):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if len(self.batches) == 3:
                raise KeyboardInterrupt
            return super().encode_texts(texts)

    texts = [f"文本{number}" for number in range(10)]
    dying, after = Dying(), CountingEncoder()
    with pytest.raises(KeyboardInterrupt):
        CachedEncoder(dying, cache_dir=tmp_path).encode_list(texts)
    CachedEncoder(after, cache_dir=tmp_path).encode_list(texts)
    first, second = ({t for batch in one.batches for t in batch} for one in (dying, after))
    assert (len(first), first & second, first | second) == (6, set(), set(texts))


def test_out_of_memory_halves_the_batch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that does not fit is tried again at half its size; the vectors are the same."""

    class Small(CountingEncoder):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            if len(texts) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().encode_texts(texts)

    texts = [f"文本{number}" for number in range(9)]
    actual = CachedEncoder(Small(), cache_dir=tmp_path).encode_list(texts)
    np.testing.assert_array_equal(CountingEncoder().encode_texts(texts), actual)
    assert "out of memory" in caplog.text


def test_one_text_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    """There is no half of one text."""

    class Full(CountingEncoder):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        CachedEncoder(Full(), cache_dir=tmp_path).encode_list(["a"])


def test_vectors_that_are_not_numbers_are_refused_and_not_kept(tmp_path: Path) -> None:
    """NaN fails the score at once, and is never stored."""

    class Broken(CountingEncoder):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode_texts(texts) * np.float32("nan")

    with pytest.raises(EvaluationError, match="1 of 1 vectors hold NaN or infinity"):
        CachedEncoder(Broken(), cache_dir=tmp_path).encode_list(["a"])
    after = CountingEncoder()
    CachedEncoder(after, cache_dir=tmp_path).encode_list(["a"])
    assert after.batches == [["a"]]


@pytest.mark.parametrize(("zero_means_unknown", "asked"), [(False, ["a", "b"]), (True, [])])
def test_zero_vectors_are_kept_where_they_mean_something(
    tmp_path: Path, *, zero_means_unknown: bool, asked: list[str]
) -> None:
    """Else one bad answer would make every later task fail."""

    class Zero(CountingEncoder):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode_texts(texts) * np.float32(0)

    broken, after = Zero(), CountingEncoder()
    broken.zero_means_unknown = after.zero_means_unknown = zero_means_unknown
    if zero_means_unknown:
        CachedEncoder(broken, cache_dir=tmp_path).encode_list(["a", "b"])
    else:
        with pytest.raises(EvaluationError, match="2 of 2 vectors are all zeros"):
            CachedEncoder(broken, cache_dir=tmp_path).encode_list(["a", "b"])
    CachedEncoder(after, cache_dir=tmp_path).encode_list(["a", "b"])
    assert [text for batch in after.batches for text in batch] == asked


def test_a_wrong_number_of_vectors_is_an_error(tmp_path: Path) -> None:
    """A vector per text, or nothing is stored."""

    class Short(CountingEncoder):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode_texts(texts)[1:]

    with pytest.raises(EvaluationError, match=r"one vector for each of 2 texts, got an array of shape \(1, 6\)"):
        CachedEncoder(Short(), cache_dir=tmp_path).encode_list(["a", "b"])


def test_scores_do_not_depend_on_the_cache(tmp_path: Path) -> None:
    """Fresh, cached and under mteb's own scoring: the same numbers, and one encoding of each text."""
    documents = [f"d{number}" for number in range(30)]
    queries = [f"q{number}" for number in range(8)]
    case = {
        "queries": queries,
        "documents": documents,
        "qrels": {q: {documents[3 * row]: 1} for row, q in enumerate(queries)},
    }
    inner = CountingEncoder()
    model = CachedEncoder(inner, cache_dir=tmp_path)
    fresh = scores(load(FastTask(), **case), model)
    plain = scores(load(PlainTask(), **case), model)
    np.testing.assert_equal(plain, fresh)
    assert model.encoded_texts == 38


def test_classification_and_sts_go_through_mteb(tmp_path: Path) -> None:
    """Texts without a role (STS, classification) are taken from mteb's loaders as well."""
    model = CachedEncoder(CountingEncoder(), cache_dir=tmp_path)
    np.testing.assert_array_equal(
        CountingEncoder().encode_texts(["头痛", "发热", "头痛"]), encode(model, ["头痛", "发热", "头痛"])
    )


@pytest.mark.parametrize("prompt_type", list(PromptType))
@pytest.mark.parametrize("title", [False, True])
def test_loaders_are_those_of_mteb(prompt_type: PromptType, title: bool) -> None:
    """Columns prepared at once give the batches that mteb prepares row by row."""
    columns = {"id": ["1", "2", "3"], "text": [" 甲 ", "乙", "丙 丁"]}
    if title:
        columns["title"] = ["题", "", " 题二"]
    dataset = Dataset.from_dict(columns)
    options = {"batch_size": 2}
    expected = create_dataloader(dataset, task_metadata=PlainTask.metadata, prompt_type=prompt_type, **options)
    actual = text_loader(
        dataset, task_metadata=PlainTask.metadata, prompt_type=prompt_type, num_proc=None, options=options
    )
    assert list(expected) == list(actual)
    assert texts_of(actual) == [text for batch in expected for text in batch["text"]]


def test_instructions_and_conversations_go_through_mteb() -> None:
    """What takes more than joining is prepared by mteb."""
    dataset = Dataset.from_dict({"id": ["1"], "text": ["问"], "instruction": ["请找出证型"]})
    actual = text_loader(
        dataset, task_metadata=PlainTask.metadata, prompt_type=PromptType.query, num_proc=None, options={}
    )
    assert texts_of(actual) == ["问 请找出证型"]


def test_a_shuffled_loader_is_read_as_it_yields() -> None:
    """Texts come in the loader's order, not the dataset's, when these differ."""
    from torch.utils.data import DataLoader

    dataset = Dataset.from_dict({"text": [str(number) for number in range(20)]})
    shuffled = DataLoader(dataset, batch_size=4, sampler=list(reversed(range(20))))
    assert texts_of(shuffled) == [str(number) for number in reversed(range(20))]


def test_mteb_evaluates_with_it(tmp_path: Path) -> None:
    """A whole run through mteb.evaluate works and reports the model's own name."""
    case = {"queries": ["q0"], "documents": ["d0", "d1"], "qrels": {"q0": {"d1": 1}}}
    model = CachedEncoder(CountingEncoder(), cache_dir=tmp_path)
    found = mteb.evaluate(model, load(FastTask(), **case), cache=None, co2_tracker=False, show_progress_bar=False)
    assert (found.model_name, len(found.task_results)) == ("fake/encoder", 1)


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.lockf(file.fileno(), fcntl.LOCK_EX, 1, int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks on bytes of a file")
def test_what_another_process_is_encoding_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that another process has claimed is left for later, and encoded here when that one never gives it."""
    monkeypatch.setattr(cached_encoder, "_SAVED_TEXTS", 2)
    monkeypatch.setattr(cached_encoder, "_CLAIM_SECONDS", 0.1)
    inner = CountingEncoder()
    model = CachedEncoder(inner, cache_dir=tmp_path)
    texts = ["最长的四个", "四个字哦", "三个字", "二字", "一"]
    model.space.folder.mkdir(parents=True)
    claims = model.space.folder.with_name(f".{model.space.folder.name}.claims")
    place = int.from_bytes(digest(texts[0])[:4], "little") >> 1
    command = [sys.executable, "-c", HOLDER, str(claims), str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        vectors = model.encode_list(texts)
        other.terminate()
    assert [text for batch in inner.batches for text in batch] == [*texts[2:], *texts[:2]]
    np.testing.assert_array_equal(CountingEncoder().encode_texts(texts), vectors)
