"""Models behind a server: OpenAI's `/embeddings`, which vLLM, TEI and infinity speak too, and `/rerank`.

A base with `encoder = "endpoint"` has no weights here; its options name the server and the model:

    kind = "embedding"                    # or "reranker"
    encoder = "endpoint"
    [options]
    url = "http://localhost:8000/v1"      # TEI: without /v1
    model = "Qwen/Qwen3-Embedding-0.6B"
    revision = "1"                        # yours; raise it when the model behind the URL changes
    api_key_env = "EMBEDDING_API_KEY"     # the variable that holds the key; the key itself stands in no file

Servers that want a password or key elsewhere get it from the address (`https://user:password@host`, `?api_key=…`) or
from `body`; it is sent, and no record, board, log or message shows it (`tcmbench.redaction`).

Nobody can see the weights behind a URL, so the declared revision is checked: canaries have to be what they were under
it (`runtime.canaries`), and with `same_as = "BASE"` what local weights give. Texts are cut at `max_length` by the
tokenizer of a base, or by the server, which is checked (`_length_check`).

Rerankers come in two dialects: `documents` (vLLM, Jina, Cohere: `results[].relevance_score`) and `texts` (TEI:
a list of `index, score`). All candidates of a query go in one request, up to `batch_texts`. The instruction is sent as
`instruction` to servers of the first dialect, as vLLM 0.32 takes it, and has to have an effect.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tcmbench import redaction
from tcmbench.encoders import EMBEDS, ORDERS
from tcmbench.encoders._endpoint_options import Options as Options  # noqa: PLC0414 - a plug-in's own
from tcmbench.encoders._http import Server
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.store import differences

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.models import ModelMeta

    from tcmbench.encoders.runtime.served import Endpoint, EndpointReranker
    from tcmbench.plugins import PluginOptions
    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "2"
ABILITIES = {"embedding": EMBEDS, "reranker": ORDERS}
WEIGHTS = "server"


def identity(options: PluginOptions) -> dict[str, Json]:
    """Return the options that change vectors or scores; a server that moves keeps its model's revision."""
    chosen = differences(options, include={"model", "revision", "dialect", "body", "empty_text"})
    if isinstance(options, Options) and options.cuts_as:
        chosen["tokenizer"] = options.cuts_as
    return chosen


def load(
    base: Base, *, options: PluginOptions, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> Endpoint | EndpointReranker:
    """Return the model; the server is first asked when a text must be encoded.

    Raises:
        ModelAbsent: The variable that should hold the key isn't set.
        SpecError: An instruction that the dialect doesn't carry, or a field that cuts a reranker's template.
    """
    del model_dir, seed, device
    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    server = server_of(options, key=key_of(options, where=f"base {base.name}"))
    from tcmbench.encoders.runtime.served import Endpoint, EndpointReranker

    if base.kind == "embedding":
        return Endpoint(server, base=base, options=options, meta=meta)
    if base.instruction and options.dialect == "texts":
        raise SpecError(
            f"base {base.name}: the dialect 'texts' has no field for an instruction. Put it into the server's "
            "template, or into `body` in the way your server takes it, and leave `instruction` out."
        )
    if "truncate_prompt_tokens" in options.body:
        raise SpecError(
            f"base {base.name}: with truncate_prompt_tokens a reranker's template loses its end, which changes scores. "
            "Name a base whose tokenizer cuts documents instead: `tokenizer` in the options."
        )
    return EndpointReranker(server, base=base, options=options, meta=meta)


def key_of(options: Options, *, where: str) -> str:
    """Return the key in the environment variable that options name; "" where they name none.

    Raises:
        ModelAbsent: The variable isn't set, or its value can't be sent; the message doesn't contain it.
    """
    key = os.environ.get(options.api_key_env, "") if options.api_key_env else ""
    if options.api_key_env and not key:
        raise ModelAbsent(
            f"{where}: the key of {redaction.address(options.url)} is expected in ${options.api_key_env}, not set here"
        )
    if re.search(r"[^\x21-\x7e]", key):
        raise ModelAbsent(
            f"{where}: expected a key of printable ASCII characters in ${options.api_key_env}, got a space, a line "
            "break or another character. Set it again."
        )
    return key


def server_of(options: Options, *, key: str = "") -> Server:
    """Return the server that options name."""
    return Server(options.url, key, options.api_key_env, options.timeout, options.patience, options.pause)
