"""Vectors and logits of vLLM itself are those of the local encoders: `make test-vllm`, minutes per model on a CPU."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models
from tcmbench.encoders import vllm
from tcmbench.errors import EvaluationError
from tcmbench.records.model import Model
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find
from tests.encoders import vllm_signatures
from tests.trainers.tiny import SIGNS, write_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray


pytestmark = [
    pytest.mark.vllm,
    # sentence-transformers warns of the names by which tcmbench opens a folder without modules.json.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

VARIABLES = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_NUM_OF_RESERVED_CPU": "0"}
CLOSE = 2e-6
"""Between vectors, or probabilities, in float32; batches of another shape differ by as much."""


def texts(count: int) -> list[str]:
    """Return texts of all lengths, cut ones among them, and the odd ones: none, spaces, names of special tokens."""
    draw = random.Random(1)
    words = [word for pair in SIGNS for text in pair for word in text.replace("：", "，").split("，")]
    odd = ["", "   ", "咳嗽<|endoftext|>三日", "<|im_start|>user\n你好<|im_end|>", "a\tb\n", "🙂é", "风寒束表" * 900]
    return odd + ["，".join(draw.choices(words, k=draw.randint(1, 300))) for _ in range(count)]


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of an environment that has vLLM."""
    path = os.environ.get("TCMBENCH_VLLM_PYTHON", "")
    if not path:
        pytest.skip("needs vLLM: make test-vllm, or set TCMBENCH_VLLM_PYTHON to the Python of its environment")
    return path


@pytest.fixture
def both(python: str, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, Any]]]:
    """Loads a model here and in vLLM."""
    loaded = []

    def load(model: Model, **options: Any) -> tuple[Any, Any]:
        engine = {"enforce_eager": True, **options.pop("engine", {})}
        chosen = {"python": python, "environment": VARIABLES, "engine": engine, **options}
        base = model.base.model_copy(update={"encoder": "vllm", "options": chosen})
        served = dataclasses.replace(model, base=base, revision=models.revision(base, model.model_dir))
        loaded.append(models.load(served, cache=tmp_path))
        return models.load(model, cache=tmp_path), loaded[-1]

    yield load
    for one in loaded:
        getattr(one, "inner", one)._engines.close()


def bundled(name: str, cache: Path) -> Model:
    """Return a bundled model."""
    return models.base_model(find(bundled_content(), cache=cache), name)


def of_folder(folder: Path, **fields: Any) -> Model:
    """Return a model of a folder."""
    base = Base.model_validate({"name": "tiny", "path": str(folder), "max_length": 256, **fields})
    return Model("tiny", base, folder, models.revision(base, folder))


def pairs_of(count: int) -> tuple[Any, Any]:
    """Return queries and documents as mteb's loader yields them."""
    some = texts(count)
    draw = random.Random(2)
    return [{"text": [draw.choice(some) for _ in range(count)]}], [{"text": draw.sample(some, count)}]


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sigmoid."""
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def test_the_recorded_signatures_are_those_of_vllm(python: str) -> None:
    """The stand-in of the other tests takes the calls that vLLM takes."""
    script = Path(vllm_signatures.__file__)
    found = subprocess.run(
        [python, str(script)], capture_output=True, text=True, check=True, env={**os.environ, "VLLM_PLUGINS": ""}
    )
    assert json.loads(found.stdout[found.stdout.index("{") :]) == vllm_signatures.recorded()


def test_vectors_are_those_of_sentence_transformers(both: Any, tmp_path: Path) -> None:
    """Whole and cut texts; a request that vLLM refuses leaves the engine running."""
    here, there = both(bundled("mini-zh", tmp_path))
    some = texts(60)
    expected = here.inner.encode_texts(some)
    np.testing.assert_allclose(there.inner.encode_texts(some), expected, atol=CLOSE)
    with pytest.raises(EvaluationError, match="maximum context length"):
        there.inner._engines.numbers(vllm.Tokens([[1] * 600], [None]), is_pairs=False)
    np.testing.assert_allclose(there.inner.encode_texts(some[-3:]), expected[-3:], atol=CLOSE)


def test_scores_are_those_of_the_cross_encoder(both: Any, tmp_path: Path) -> None:
    """The template's reranker: whole and cut pairs, in the same order."""
    here, there = both(bundled("mini-zh-reranker", tmp_path))
    queries, documents = pairs_of(60)
    expected, actual = here.predict(queries, documents), there.predict(queries, documents)
    np.testing.assert_allclose(probabilities(actual), probabilities(expected), atol=CLOSE)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def write_bert(folder: Path, network: str, **settings: Any) -> None:
    """Write a random BERT as wide as vLLM's attention needs."""
    import torch
    import transformers

    write_encoder(folder, transformers.BertModel, transformers.BertConfig)
    config = transformers.BertConfig.from_pretrained(folder)
    config.update({"hidden_size": 128, "intermediate_size": 128, "initializer_range": 0.2, **settings})
    torch.manual_seed(0)
    getattr(transformers, network)(config).float().save_pretrained(folder)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_encoders_pool_as_their_base_says(pooling: str, both: Any, tmp_path: Path) -> None:
    """A folder without modules.json, and vectors that are not normalised."""
    write_bert(tmp_path / "bert", "BertModel")
    fields = {"kind": "embedding", "architecture": "bert", "pooling": pooling, "normalize": False}
    here, there = both(of_folder(tmp_path / "bert", **fields))
    expected = here.inner.encode_texts(texts(20))
    assert np.abs(np.linalg.norm(expected, axis=1) - 1).min() > 0.1
    np.testing.assert_allclose(there.inner.encode_texts(texts(20)), expected, atol=10 * CLOSE)


def test_a_head_of_one_label_reads_segments(both: Any, tmp_path: Path) -> None:
    """BERT's second segment begins where the tokenizer says."""
    write_bert(tmp_path / "bert", "BertForSequenceClassification", num_labels=1)
    here, there = both(of_folder(tmp_path / "bert", kind="reranker", architecture="bert"))
    queries, documents = pairs_of(20)
    expected = here.predict(queries, documents)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(there.predict(queries, documents), expected, atol=10 * CLOSE)


@pytest.mark.parametrize("network", ["AutoModel", "AutoModelForCausalLM"])
def test_an_adapter_beside_its_base_is_the_merged_model(network: str, both: Any, tmp_path: Path) -> None:
    """Adapters of sentence-transformers and of ms-swift name their weights differently."""
    import peft
    import torch
    import transformers

    base = bundled("mini-zh", tmp_path)
    torch.manual_seed(0)
    plain = getattr(transformers, network).from_pretrained(base.model_dir, dtype=torch.float32)
    settings = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False
    )
    tuned = peft.get_peft_model(plain, settings)
    tuned.save_pretrained(tmp_path / "adapter")
    here, there = both(base, adapter=str(tmp_path / "adapter"))
    some = texts(10)
    before = here.inner.encode_texts(some)
    merged = tuned.merge_and_unload()
    target = here.inner.model[0].auto_model
    target.load_state_dict(getattr(merged, "model", merged).state_dict())
    expected = here.inner.encode_texts(some)
    assert np.abs(before - expected).max() > 0.01
    np.testing.assert_allclose(there.inner.encode_texts(some), expected, atol=10 * CLOSE)


def test_two_engines_give_the_vectors_of_one(both: Any, tmp_path: Path) -> None:
    """In order, whichever engine computed them."""
    here, there = both(bundled("mini-zh", tmp_path), engine={"data_parallel_size": 2})
    some = texts(9)
    np.testing.assert_allclose(there.inner.encode_texts(some), here.inner.encode_texts(some), atol=CLOSE)
