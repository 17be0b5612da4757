"""The bundled reranker answers alike through transformers, sentence-transformers and its own recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.recipes.mini_zh.templates import reranker_text

FOLDER = Path(__file__).parents[2] / "models" / "mini-zh-reranker"
PAIRS = (
    ("感冒发烧怎么办", "感冒发烧时应多休息多喝水，体温过高可服退烧药。"),
    ("感冒发烧怎么办", "这座桥建成于上世纪，全长三公里。"),
    ("1949年发生了什么？", "“新闻”是一种文体。"),
)


def _logits_by_transformers() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    network = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True)
    texts = [reranker_text(query, document) for query, document in PAIRS]
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        last = network(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, -1]
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    return (last[:, yes] - last[:, no]).numpy()


def test_cross_encoder_gives_the_logits_of_yes_and_no() -> None:
    """The folder's chat template builds the very prompt that the plain model is given."""
    import torch
    from sentence_transformers import CrossEncoder

    encoder = CrossEncoder(str(FOLDER), device="cpu", local_files_only=True)
    scores = encoder.predict(list(PAIRS), activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(scores, _logits_by_transformers(), atol=1e-4)


def test_the_chat_template_spells_the_prompt_to_the_last_line_end() -> None:
    """Jinja would drop the final newline, and with it a token."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    query, document = PAIRS[0]
    messages = [{"role": "query", "content": query}, {"role": "document", "content": document}]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    assert rendered == reranker_text(query, document)
    other = [{"role": "system", "content": "找证型"}, *messages]
    assert tokenizer.apply_chat_template(other, tokenize=False) == reranker_text(query, document, instruction="找证型")


def test_training_scores_what_the_plain_model_scores() -> None:
    """The shared prefix and the pieces of the prompt change neither tokens nor logits."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM

    from models.recipes.mini_zh import batches, candidates
    from models.recipes.mini_zh.judge import judge
    from models.recipes.mini_zh.pairs import Pair
    from models.recipes.mini_zh.reranker import Prompt, spaced

    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    network = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True)
    prompt = Prompt(tokenizer)
    tokens = batches.tokenise(tokenizer, spaced(Pair("own", *pair) for pair in PAIRS))["own"]
    rows = prompt.rows([candidates.Group(pair.query, (pair.positive,)) for pair in tokens])
    whole = [tokenizer.encode(reranker_text(*pair), add_special_tokens=False).ids for pair in PAIRS]
    assert [prompt.prefix + row for row in rows] == whole
    ids, length = batches.pad(rows, end=0)
    with torch.no_grad():
        scores = judge(network, torch.tensor(prompt.prefix), ids, length - 1, prompt.answers).numpy()
    np.testing.assert_allclose(scores, _logits_by_transformers(), atol=1e-4)


def test_an_answer_scores_above_a_stranger() -> None:
    """It is a trained reranker."""
    scores = _logits_by_transformers()
    assert scores[0] > scores[1]


@pytest.mark.parametrize("file", ["modules.json", "1_LogitScore/config.json", "chat_template.jinja"])
def test_the_hub_layout_is_complete(file: str) -> None:
    """Without these, a CrossEncoder guesses, and guesses wrongly."""
    assert (FOLDER / file).is_file()
