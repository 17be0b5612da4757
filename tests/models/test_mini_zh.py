"""The bundled base loads offline in every way a Qwen3 embedding model does, with the same vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

MODELS = Path(__file__).parents[2] / "models"
FOLDER = MODELS / "mini-zh"
TEXTS = ("头痛发热三日", "咳嗽，痰黄黏稠，舌红苔黄。", "今天天气很好，我们去公园散步吧！", "ABC １２３", "")
PROMPT = "Instruct: 检索\nQuery:"


@pytest.fixture(scope="module")
def model() -> SentenceTransformer:
    """Mini-zh as sentence-transformers loads it."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(FOLDER), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The tokenizer file itself."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(FOLDER / "tokenizer.json"))


def _by_transformers(texts: list[str]) -> NDArray[np.float32]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    network = AutoModel.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True)
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = network(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
    vectors: NDArray[np.float32] = torch.nn.functional.normalize(hidden[:, -1], dim=-1).numpy()
    return vectors


def _by_mteb(texts: list[str], model: SentenceTransformer, *, is_query: bool) -> NDArray[np.float32]:
    import mteb
    from datasets import Dataset
    from mteb.models import SentenceTransformerEncoderWrapper
    from mteb.types import PromptType
    from torch.utils.data import DataLoader

    wrapped = SentenceTransformerEncoderWrapper(model)
    task = mteb.get_task("CmedqaRetrieval")
    loader = DataLoader(Dataset.from_dict({"text": texts}), batch_size=8)
    role = PromptType.query if is_query else PromptType.document
    return np.asarray(
        wrapped.encode(loader, task_metadata=task.metadata, hf_split="dev", hf_subset="default", prompt_type=role)
    )


def test_transformers_gives_the_vectors_of_sentence_transformers(model: SentenceTransformer) -> None:
    """Last-token pooling over the plain network equals the packaged model to 1e-5."""
    np.testing.assert_allclose(_by_transformers(list(TEXTS)), model.encode(list(TEXTS)), atol=1e-5)


@pytest.mark.filterwarnings("ignore:The fill_missing parameter:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The `get_sentence_embedding_dimension`:FutureWarning")
def test_mteb_gives_the_same_query_and_document_vectors(model: SentenceTransformer) -> None:
    """Mteb's wrapper applies the model's own prompts and changes nothing else."""
    texts = list(TEXTS[:4])
    queries = _by_mteb(texts, model, is_query=True)
    documents = _by_mteb(texts, model, is_query=False)
    np.testing.assert_allclose(queries, _by_transformers([PROMPT + text for text in texts]), atol=1e-5)
    np.testing.assert_allclose(documents, _by_transformers(texts), atol=1e-5)


def test_vectors_have_unit_length_and_single_precision(model: SentenceTransformer) -> None:
    """The weights are stored in half precision and used in single."""
    vectors = model.encode(list(TEXTS))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1.0, atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch(model: SentenceTransformer) -> None:
    """Left padding is invisible to the text behind it."""
    together = model.encode([TEXTS[0], TEXTS[1] * 20])[0]
    np.testing.assert_allclose(together, model.encode(TEXTS[0]), atol=1e-5)


def test_every_text_ends_with_the_closing_token(tokenizer: Tokenizer) -> None:
    """The vector is read at <|endoftext|>, also where a text was cut."""
    end = tokenizer.token_to_id("<|endoftext|>")
    tokenizer.enable_truncation(16)
    assert [tokenizer.encode(text).ids[-1] for text in (*TEXTS, TEXTS[1] * 9)] == [end] * 6
    tokenizer.no_truncation()


@pytest.mark.parametrize("token", ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "yes", "no"])
def test_the_words_of_the_templates_are_single_tokens(tokenizer: Tokenizer, token: str) -> None:
    """A chat template costs one id for each mark and each answer."""
    assert tokenizer.encode(token, add_special_tokens=False).ids == [tokenizer.token_to_id(token)]


def test_the_network_is_a_qwen3_of_three_to_five_million_parameters(model: SentenceTransformer) -> None:
    """Token vectors come on top."""
    network = model[0].auto_model
    beside = sum(weight.numel() for name, weight in network.named_parameters() if "embed_tokens" not in name)
    assert network.config.model_type == "qwen3"
    assert network.config.tie_word_embeddings
    assert 3_000_000 <= beside <= 5_000_000


@pytest.mark.parametrize(("name", "mebibytes"), [("mini-zh", 12), ("mini-zh-reranker", 12), ("mini-zh-static", 8)])
def test_a_bundled_model_keeps_to_its_size(name: str, mebibytes: int) -> None:
    """All files of a folder together, the card included."""
    used = sum(file.stat().st_size for file in (MODELS / name).rglob("*") if file.is_file())
    assert used <= mebibytes * 2**20


def test_paraphrases_are_nearer_than_other_sentences(model: SentenceTransformer) -> None:
    """It is a trained encoder, not a random one."""
    texts = ["怎么把手机里的照片传到电脑上", "手机照片如何导入电脑", "小孩发烧应该吃什么药", "儿童发热用什么药好"]
    vectors = model.encode(texts)
    nearest = (vectors @ vectors.T - 2 * np.eye(4)).argmax(axis=1).tolist()
    assert nearest == [1, 0, 3, 2]
