"""No secret is in what is shown or written, and nothing else is missing there."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from tcmbench import redaction, terminal
from tcmbench.errors import DataAbsent, SpecError, TcmbenchError
from tcmbench.redaction import HIDDEN

PLANT = "pl4nted-Secret"


@pytest.fixture(autouse=True)
def _nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test learns is forgotten."""
    monkeypatch.setattr(redaction, "_learned", set())


@pytest.mark.parametrize(
    "said",
    [
        f"https://user:{PLANT}@host:8000/v1: no answer",
        f"https://{PLANT}@host/v1",
        f"postgres://u:{PLANT}@host/db",
        f"see https://host/v1?api_key={PLANT}&a=b",
        f"see https://host/v1?a=b&token={PLANT}",
        f"https://host/f?X-Amz-Signature={PLANT}&X-Amz-Credential={PLANT}&X-Amz-Security-Token={PLANT}",
        f"https://host/f?sv=2024&sig={PLANT}",
        f"https://host/f?x={PLANT}-and-so-on",
        f"https://host/v1#access_token={PLANT}",
        f"https://host/v1#{PLANT}",
        f"Authorization: Bearer {PLANT}",
        f"{{'authorization': 'Basic {PLANT}'}}",
        f"bearer {PLANT}",
        f'{{"error": {{"api_key": "{PLANT}"}}}}',
        f'{{"token": "{PLANT}"}}',
        f"password={PLANT}",
        f"X-Api-Key: {PLANT}",
        f"Cookie: session={PLANT}",
        f"tool --api-key {PLANT} --rest",
        f"tool --password='{PLANT} {PLANT}'",
        f"HF_TOKEN={PLANT}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(said: str) -> None:
    """In addresses, headers, JSON, command lines and variables."""
    assert PLANT not in redaction.text(said)
    assert HIDDEN in redaction.text(said)


@pytest.mark.parametrize(
    "token",
    [
        "sk-" + "a1B2" * 8, "hf_" + "a1B2" * 8, "ghp_" + "a1B2" * 9, "github_pat_" + "a1B2" * 9, "glpat-" + "a1B2" * 5,
        "AKIA" + "A1B2" * 4, "AIza" + "a1B2" * 9, "xoxb-" + "12345-" * 3, "eyJ" + "a1B2" * 4 + "." + "a1B2" * 4 + ".x",
    ],
)  # fmt: skip
def test_known_formats_are_hidden_anywhere(token: str) -> None:
    """Also in the middle of a sentence."""
    assert redaction.text(f"the key {token}, they say") == f"the key {HIDDEN}, they say"


@pytest.mark.parametrize(
    "said",
    [
        "base far: expected https://host:8000/v1, got nothing",
        "see https://huggingface.co/datasets/x?library=datasets&id=5#dataset-card",
        "the server refuses a request without a key (name one with `api_key_env`)",
        "key: expected text, got a number; token: expected one; auth: none",
        "x.toml: options.api_key_env: expected the name of a variable",
        "truncate_prompt_tokens=64, max_tokens: 512, eos_token = [SEP], mask_token: '[MASK]'",
        "password: expected text",
        "no miner named 'bm25'. Did you mean 'bm25'? Known: bm25, none.",
        "tokenizer_config.json says padding_side = left; keys: a, b; design: x; passes: 3",
        "tcmbench run demo --jobs 2 --data /srv/data",
        "basic information, bearer of news",
        "model@2: a@b.example",
        "主诉：咳嗽三日 key：证",
    ],
)
def test_other_text_stays(said: str) -> None:
    """Messages lose nothing else."""
    assert redaction.text(said) == said


def test_what_was_sent_is_hidden_however_it_comes_back() -> None:
    """As it is, escaped as JSON, HTML or an address, and in base64."""
    word = 'wörd"&<x>/y z'
    redaction.learn(word, "")
    for form in (word, json.dumps(word), "w%C3%B6rd%22%26%3Cx%3E/y%20z", "wörd&quot;&amp;&lt;x&gt;/y z"):
        assert redaction.text(f"a {form} b") in {f"a {HIDDEN} b", f'a "{HIDDEN}" b'}
    assert redaction.text(base64.b64encode(word.encode()).decode()) == HIDDEN
    assert redaction.text("a") == "a"


def test_a_secret_that_is_a_word_hides_no_part_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records keep the names of encoders and commands, and so their hashes."""
    monkeypatch.setattr(redaction, "_learned", set())
    redaction.learn("sentence", *redaction.in_address("http://bench:sentence@host/"))
    said = "tcmbench run demo with sentence_transformers"
    assert redaction.text(said) == said
    assert redaction.text("by sentence, 密码sentence，bench:sentence@") == f"by {HIDDEN}, 密码{HIDDEN}，{HIDDEN}@"


def test_records_have_no_secrets() -> None:
    """Fields named like secrets are hidden with all that is in them; an address ends where its path does."""
    value: dict[str, Any] = {
        "url": "https://u:p@host/v1?api-version=1&key=k#f",
        "body": {"apiKey": PLANT, "headers": {"Authorization": [PLANT]}, "truncate_prompt_tokens": 64, "token": "x"},
        "environment": {"HF_TOKEN": PLANT, "VLLM_CPU_KVCACHE_SPACE": "4"},
        "api_key_env": "NAME",
        "use_auth_token": True,
        "words": [f"password={PLANT}", "mask"],
        "seeds": (0, 1),
    }
    assert redaction.record(value) == {
        "url": "https://host/v1",
        "body": {"apiKey": HIDDEN, "headers": {"Authorization": HIDDEN}, "truncate_prompt_tokens": 64, "token": HIDDEN},
        "environment": {"HF_TOKEN": HIDDEN, "VLLM_CPU_KVCACHE_SPACE": "4"},
        "api_key_env": "NAME",
        "use_auth_token": True,
        "words": [f"password={HIDDEN}", "mask"],
        "seeds": [0, 1],
    }
    assert sorted(redaction.secrets(value["body"])) == sorted([PLANT, PLANT, "x"])


def test_keys_leave_out_secrets_alone() -> None:
    """Whatever may change a result stays in a key."""
    kept = {"url": "https://host/v1?id=1#part", "key": "title", "token": "[MASK]", "steps": 3, "list": ["a", 1.5]}
    assert redaction.identity(kept) == kept
    same = [{"api_key": f"{PLANT}{n}", "key": f"{PLANT}{n}", "url": f"https://u{n}@host/v1?sig={n}"} for n in "12"]
    assert redaction.identity(same[0])["api_key"] == HIDDEN
    assert redaction.identity({**same[0], "url": ""}) == redaction.identity({**same[1], "url": ""})


def test_errors_have_no_secrets(tmp_path: Path) -> None:
    """From the moment that they are made, and in whatever they carry along."""
    address = f"https://user:{PLANT}@host/data"
    error = DataAbsent(tmp_path, what="Data", how=f"Get it from {address}.")
    for told in (str(TcmbenchError(address)), str(SpecError(f"x: {address}")), str(error), error.how, repr(error)):
        assert PLANT not in told
        assert "host/data" in told
    copy = pickle.loads(pickle.dumps(SpecError(address)))  # noqa: S301 - how a worker sends it
    assert str(copy) == f"https://{HIDDEN}@host/data"


def test_logs_have_no_secrets() -> None:
    """Neither in a message nor in a traceback, and no command for a terminal or a CI system either."""
    redaction.learn(PLANT)
    try:
        int(PLANT)
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, "x", 1, "a\x1b\n::error::%s", (PLANT,), sys.exc_info())
    line = terminal.log_handler().format(record)
    assert line.startswith("INFO x: a\\u001b\n: :error::")
    assert PLANT not in line
    assert f"base 10: '{HIDDEN}'" in line


@pytest.mark.parametrize("url", ["http://[bad", "http://[::1/x", "https://h:port/"])
def test_an_address_that_is_none_is_hidden_whole(url: str) -> None:
    """Nobody knows which part of it is what."""
    assert redaction.address(url) in {HIDDEN, url}
