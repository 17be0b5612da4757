"""Options of the encoder `endpoint`: which server, which model, how it is asked, and what it is held to."""

from __future__ import annotations

import re
import urllib.parse
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tcmbench import redaction
from tcmbench.plugins import PluginOptions


class Options(PluginOptions):
    """Which server, which model, and how it is asked."""

    url: str
    """Address up to, and without, `/embeddings` or `/rerank`."""

    model: str
    """Name that the server knows the model by."""

    revision: str
    """The user's own name of the model's version; part of the model's revision."""

    api_key_env: str = ""
    """Environment variable that holds the key; "" sends none."""

    dialect: Literal["documents", "texts"] = "documents"
    """How the server wants candidates to be reranked."""

    body: dict[str, Any] = Field(default_factory=dict)
    """Further fields of every request, such as `truncate_prompt_tokens`; part of the model's revision."""

    tokenizer: str = ""
    """Base whose tokenizer cuts texts at `max_length` before they are sent; "" takes that of `same_as`, or leaves the
    cut to the server, which is checked."""

    same_as: str = ""
    """Base with local weights that the server is declared to serve: its canaries have to be the same; "" for none."""

    empty_text: str = ""
    """Sent in place of an empty text, such as " ", where the server refuses empty ones."""

    batch_texts: int = Field(default=64, ge=1, le=10_000)
    """Texts a request, the canary that goes with them included."""

    connections: int = Field(default=4, ge=1, le=256)
    """Requests at the same time."""

    timeout: float = Field(default=120.0, gt=0, le=86_400)
    """Seconds that a request may take, until the last byte of its answer."""

    patience: float = Field(default=300.0, ge=0, le=86_400)
    """Seconds after which a request is no longer repeated: enough for a server to start again."""

    pause: float = Field(default=0.5, ge=0, le=3600)
    """Seconds before the second try, where the server names none; doubled before every further one."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        # The value is not repeated: it may hold a password.
        try:
            parts = urllib.parse.urlsplit(url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or re.search(r"[\s\x00-\x1f]", url):
            raise ValueError(
                "expected an address such as https://host:8000/v1. In a user or password write / @ : # ? as %2F %40 "
                "%3A %23 %3F"
            )
        return url

    @field_validator("api_key_env")
    @classmethod
    def _is_a_variable(cls, name: str) -> str:
        if name and (not re.fullmatch(r"[A-Za-z_]\w{0,100}", name, re.ASCII) or redaction.text(name) != name):
            raise ValueError("expected the name of an environment variable, such as EMBEDDING_API_KEY, and no key")
        return name

    @property
    def cuts_as(self) -> str:
        """Base whose tokenizer cuts texts before they are sent; "" for none."""
        return self.tokenizer or self.same_as

    @model_validator(mode="after")
    def _has_one_key(self) -> Options:
        if self.api_key_env and "@" in urllib.parse.urlsplit(self.url).netloc:
            raise ValueError("expected api_key_env or a user in `url`, got both. Remove one")
        return self
