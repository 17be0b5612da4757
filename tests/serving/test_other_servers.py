"""The commands for vLLM and TEI have what the model's folder doesn't say in their words."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tcmbench import models
from tcmbench.errors import SpecError
from tcmbench.serving import other_servers
from tcmbench.workspace import find

if TYPE_CHECKING:
    from tcmbench.records.model import Model


def model(name: str, **settings: object) -> Model:
    """Return a bundled model, with other settings of its base."""
    from dataclasses import replace

    found = models.base_model(find(Path(__file__).parent), name)
    return replace(found, base=found.base.model_copy(update=settings))


def words(script: str) -> list[str]:
    """Return the words of a script's last line."""
    return shlex.split(script.splitlines()[-1])


def after(option: str, script: str) -> str:
    """Return the word after an option."""
    listed = words(script)
    return listed[listed.index(option) + 1]


def test_vllm_serves_an_embedding_model() -> None:
    """Pooling, normalisation, precision and longest input; the prompts are said to be the client's."""
    script = other_servers.command("vllm", model("mini-zh"))
    assert words(script)[:2] == ["vllm", "serve"]
    assert Path(words(script)[2]).name == "mini-zh"
    assert json.loads(after("--pooler-config", script)) == {"pooling_type": "LAST", "use_activation": True}
    assert [after(option, script) for option in ("--runner", "--dtype", "--max-model-len")] == [
        "pooling", "float32", "512",
    ]  # fmt: skip
    assert '# Clients put "Instruct: 检索\\nQuery:" before every query.' in script


@pytest.mark.parametrize("instruction", ["检索", '找出"证型"：\n\\n 一行'])
def test_vllm_serves_a_causal_reranker_with_its_template(instruction: str) -> None:
    """The template has the instruction that evaluation sends as a message, and keeps its last line end."""
    from transformers import AutoTokenizer

    served = model("mini-zh-reranker", instruction=instruction)
    script = other_servers.command("vllm", served)
    assert json.loads(after("--hf-overrides", script)) == {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["no", "yes"],
        "is_original_qwen3_reranker": True,
    }
    assert after("--chat-template", script) == "mini-zh-reranker.jinja"
    # What the shell writes into the file, line ends included.
    template = script.split("<<'TEMPLATE'\n")[1].split("TEMPLATE\n")[0]
    tokenizer = AutoTokenizer.from_pretrained(served.model_dir, local_files_only=True)
    pair = [{"role": "query", "content": "咳嗽"}, {"role": "document", "content": "风寒束肺证\n"}]
    ours = tokenizer.apply_chat_template([{"role": "system", "content": instruction}, *pair], tokenize=False)
    assert tokenizer.apply_chat_template(pair, tokenize=False, chat_template=template) == ours


def test_tei_serves_an_embedding_model() -> None:
    """With its pooling; what the request has to say is a comment."""
    script = other_servers.command("tei", model("mini-zh", normalize=False, dtype="bfloat16"))
    assert words(script)[0] == "text-embeddings-router"
    assert (after("--pooling", script), after("--dtype", script)) == ("last-token", "float32")
    assert '"normalize": false' in script
    assert "TEI has no bfloat16" in script


@pytest.mark.parametrize(
    ("server", "name", "words"),
    [
        ("tei", "mini-zh-reranker", "causal language model"),
        ("vllm", "mini-zh-static", "vllm can't run it"),
        ("vllm", "bm25", "vllm can't run it"),
        ("tei", "mini-zh-static-bm25", "tei can't run it"),
    ],
)
def test_what_another_server_would_answer_otherwise_is_refused(server: str, name: str, words: str) -> None:
    """Rather than a command whose scores are those of another model."""
    with pytest.raises(SpecError, match=words):
        other_servers.command(server, model(name))
