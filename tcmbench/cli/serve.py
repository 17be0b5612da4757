"""`tcmbench serve MODEL`: a model over HTTP, with the vectors and scores of evaluation."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tcmbench.cli._names import BaseOption
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    import socket

    from tcmbench.runs.named import NamedModel
    from tcmbench.serving.service import Service, ServiceOptions


class OtherServer(StrEnum):
    """Servers whose command `--print` prints."""

    VLLM = "vllm"
    TEI = "tei"


class DefaultType(StrEnum):
    """Types of texts, as in `tcmbench.serving.input_types`, which is imported only where a model is served."""

    NONE = "none"
    QUERY = "query"
    DOCUMENT = "document"
    TEXT = "text"


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="A base, a folder, an adapter, a model of the hub; or variant/seed0 of the store, also of a cure or "
            "form."
        ),
    ],
    set_name: Annotated[
        str, typer.Option("--set", help="Set of the variant, cure or form; default: the only one that has it.")
    ] = "",
    base: BaseOption = "",
    host: Annotated[str, typer.Option("--host", help="Address to listen on; others need a key.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, show_default=False, help="Port; default: 8001, rerankers 8002; 0 for any."
        ),
    ] = None,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", metavar="VARIABLE", help="Environment variable with the key of clients.")
    ] = "",
    allow_anyone: Annotated[
        bool, typer.Option("--allow-anyone", help="Listen on an address of the network without a key.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="Name for clients; default: the model's own.")] = "",
    input_type: Annotated[
        DefaultType, typer.Option("--input-type", help="Prompt of texts whose request states no input_type.")
    ] = DefaultType.NONE,
    device: Annotated[
        str, typer.Option("--device", help="torch device, such as cuda:1; default: a GPU where there is one.")
    ] = "",
    batch_tokens: Annotated[
        int | None, typer.Option("--batch-tokens", min=1, help="Tokens per batch; default: by device and free memory.")
    ] = None,
    parallel_batches: Annotated[
        int,
        typer.Option(
            "--parallel-batches",
            min=1,
            metavar="N",
            help="Batches computed at the same time, each by its share of the cores.",
        ),
    ] = 1,
    wait_ms: Annotated[
        float,
        typer.Option(
            "--wait-ms", min=0, max=1000, help="Milliseconds that a batch waits for the next request of a client."
        ),
    ] = 4.0,
    queue_tokens: Annotated[
        int, typer.Option("--queue-tokens", min=1, help="Waiting tokens above which requests are refused with 429.")
    ] = 131_072,
    max_texts: Annotated[int, typer.Option("--max-texts", min=1, help="Most texts or pairs per request.")] = 2048,
    max_characters: Annotated[int, typer.Option("--max-characters", min=1, help="Most characters per text.")] = 100_000,
    max_body_mib: Annotated[int, typer.Option("--max-body-mib", min=1, help="Largest body of a request.")] = 16,
    print_: Annotated[
        OtherServer | None,
        typer.Option("--print", help="Print the command that serves it with vLLM or TEI instead.", show_default=False),
    ] = None,
    data: DataOption = None,
) -> None:
    """Serve a model with the vectors and scores of evaluation.

    Answers the requests of OpenAI's, Jina's, Cohere's and vLLM's clients under /v1, TEI's /embed and /rerank, and plain
    /embed, /embed_batch, /score and /score_batch: docs/serving.md. Texts are neither stored nor logged.
    """
    from tcmbench.runs import named

    found = named.find(workspace(data), model, set_name=set_name, base=base)
    if print_ is not None:
        from tcmbench.serving import other_servers

        typer.echo(other_servers.command(print_.value, found.model), nl=False)
        return
    from tcmbench.serving import access, server

    server.require_installed()
    key = access.key_of(api_key_env)
    access.require_key(host, key, is_open=allow_anyone)
    from tcmbench.serving.batching import Batching
    from tcmbench.serving.input_types import InputType
    from tcmbench.serving.limits import Limits
    from tcmbench.serving.service import ServiceOptions

    options = ServiceOptions(
        name=name,
        input_type=InputType(input_type.value),
        batching=Batching(tokens=batch_tokens, wait=wait_ms / 1000, waiting_tokens=queue_tokens),
        parallel_batches=parallel_batches,
        limits=Limits(body_bytes=max_body_mib << 20, texts=max_texts, characters=max_characters),
    )
    default = server.PORTS[found.model.base.kind]
    with server.bound(host, default if port is None else port) as listening:
        service = _service(found, options, device=device)
        from tcmbench.serving.app import application

        app = application(service, key=key, is_local=access.is_loopback(host) and not key)
        server.run(app, listening, ready=lambda: _greet(service, listening, host=host, has_key=bool(key)))
    say("ended")


def _service(found: NamedModel, options: ServiceOptions, *, device: str) -> Service:
    from tcmbench.serving import engines
    from tcmbench.serving.served import served
    from tcmbench.serving.service import Service

    engine = engines.load(found.model, device=device or None)
    return Service(served(found), engine, options)


def _greet(service: Service, listening: socket.socket, *, host: str, has_key: bool) -> None:
    """Print what is served where, and what clients have to know."""
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{listening.getsockname()[1]}/v1 serves {service.name} ({service.kind}); stop with Ctrl-C")
    served = service.served
    if served.gate is not None:
        outcome = served.gate.get("outcome") or served.gate.get("reason")
        say(f"gate: {str(outcome).replace('_', ' ')}")
    prompts = {served.model.base.query_prompt, served.model.base.document_prompt, ""}
    if service.kind == "embedding" and service.input_type.value == "none" and len(prompts) > 1:
        say(
            "prompts: added to texts whose request has an input_type, or a model name that ends in -query or "
            "-document; others are encoded as they are. --input-type sets another default."
        )
    if has_key:
        say("key: required")
