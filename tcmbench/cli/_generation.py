"""`tcmbench data queries` and `tcmbench data views`: what a chat model writes from data."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from tcmbench.cli._names import separated
from tcmbench.cli._output import say
from tcmbench.cli.place import DataOption, workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tcmbench.generation.chat import Chat
    from tcmbench.store import Store


class TextsFromChoice(StrEnum):
    """Texts of a TCM-SD folder."""

    entries = "entries"
    records = "records"


class KeepChoice(StrEnum):
    """What a query must pass."""

    retrieval = "retrieval"
    judge = "judge"
    all = "all"


class ViewChoice(StrEnum):
    """Form of the queries of a view."""

    query2doc = "query2doc"
    keywords = "keywords"


UrlOption = Annotated[
    str, typer.Option("--url", help="Server of the model: OpenAI's API, up to /chat/completions.", show_default=False)
]
ModelOption = Annotated[
    str, typer.Option("--model", help="Name that the server knows the model by.", show_default=False)
]
KeyOption = Annotated[str, typer.Option("--api-key-env", help="Environment variable that holds the server's key.")]
AllowRemoteOption = Annotated[
    bool, typer.Option("--allow-remote", help="Allow a server that is not on this machine: texts are sent to it.")
]
TemperatureOption = Annotated[float, typer.Option(min=0, max=10, help="Temperature of the sampling.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the sampling and of all choices.")]
MaxTokensOption = Annotated[
    int | None, typer.Option(min=1, help="Tokens of an answer; default: the server's limit.", show_default=False)
]
ParallelOption = Annotated[int, typer.Option(min=1, max=256, help="Requests at the same time.")]
RateOption = Annotated[
    float | None, typer.Option("--requests-per-minute", min=0.01, help="Limit of requests.", show_default=False)
]


def queries(
    source: Annotated[str, typer.Argument(help="A TCM-SD or BEIR folder, a file of pairs, or the name of a task.")],
    url: UrlOption,
    model: ModelOption,
    output: Annotated[Path, typer.Option("--output", help="File of JSON lines to write.")] = Path("queries.jsonl"),
    texts_from: Annotated[
        TextsFromChoice | None,
        typer.Option(
            "--from",
            help="Texts of a TCM-SD folder: entries of its knowledge base (default), or records of its split train.",
            show_default=False,
        ),
    ] = None,
    source_format: Annotated[
        str, typer.Option("--format", help="Format of the source: `tcmbench list formats`; default: by its layout.")
    ] = "",
    types: Annotated[
        list[str] | None, typer.Option("--types", help="Types of question; default: all.", show_default=False)
    ] = None,
    voices: Annotated[list[str] | None, typer.Option("--voices", help="Who asks; default: all.")] = None,
    per_document: Annotated[int, typer.Option(min=1, max=1000, help="Queries to ask for per text.")] = 3,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many texts, a fixed sample.", show_default=False)
    ] = None,
    keep: Annotated[
        KeepChoice,
        typer.Option(
            help="What a query must pass: its document is found by two retrievers, a judge, or neither (all)."
        ),
    ] = KeepChoice.retrieval,
    top_k: Annotated[int, typer.Option(min=1, help="Rank that BM25 and the base must find the document at.")] = 20,
    base: Annotated[str, typer.Option(help="Base for near-duplicates and retrieval.")] = "mini-zh-static",
    judge_model: Annotated[str, typer.Option(help="Model that judges, for --keep judge.")] = "",
    judge_url: Annotated[str, typer.Option(help="Its server; default: that of --url, with its key.")] = "",
    judge_api_key_env: Annotated[str, typer.Option(help="Environment variable of the key of --judge-url.")] = "",
    temperature: TemperatureOption = 0.7,
    seed: SeedOption = 0,
    max_tokens: MaxTokensOption = None,
    parallel: ParallelOption = 4,
    requests_per_minute: RateOption = None,
    api_key_env: KeyOption = "",
    allow_remote: AllowRemoteOption = False,
    data: DataOption = None,
) -> None:
    """Generate training queries from documents with a chat model.

    Writes a file of pairs that a variant can train on, and a report beside it. Answers are stored, so the same
    command continues where it stopped, and texts leave this machine only with --allow-remote.
    """
    from tcmbench.generation.make import Chats, NamedSource, make
    from tcmbench.generation.queries import QueryOptions, summary

    place = workspace(data)
    chosen: dict[str, Any] = {"types": separated(types), "voices": separated(voices)}
    options = QueryOptions(
        **{name: its for name, its in chosen.items() if its},
        per_document=per_document, keep=keep.value, top_k=top_k, seed=seed,
    )  # fmt: skip
    speed: dict[str, Any] = {"parallel": parallel, "requests_per_minute": requests_per_minute}
    sampling: dict[str, Any] = {"seed": seed, "max_tokens": max_tokens}
    generator = _chat(place.store, url, api_key_env, speed, model, {**sampling, "temperature": temperature})
    judge = None
    if judge_model:
        # The key of one server is never sent to another.
        server = (judge_url, judge_api_key_env) if judge_url else (url, api_key_env)
        judge = _chat(place.store, *server, speed, judge_model, {**sampling, "temperature": 0.0})
    with _Waiting() as waiting:
        made = make(
            place,
            NamedSource(source, texts_from.value if texts_from else "", source_format, limit),
            Chats(generator, judge, allow_remote),
            output,
            options=options,
            base=base,
            watch=waiting.show,
        )
    say(summary(made.generated.counts))
    for chat in (generator, judge):
        if chat is not None:
            say(_costs(chat))
    say(f"{output}: {len(made.generated.rows):,} pairs; report: {made.report}")


def views(
    source: Annotated[str, typer.Argument(metavar="TASK", help="A task with queries, or the path of its data.")],
    url: UrlOption,
    model: ModelOption,
    kind: Annotated[
        ViewChoice,
        typer.Option(help="query2doc: append a passage that answers the query; keywords: replace it by its keywords."),
    ],
    output: Annotated[Path, typer.Option("--output", help="New folder to write.", show_default=False)],
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    max_tokens: MaxTokensOption = None,
    parallel: ParallelOption = 4,
    requests_per_minute: RateOption = None,
    api_key_env: KeyOption = "",
    allow_remote: AllowRemoteOption = False,
    data: DataOption = None,
) -> None:
    """Write a task's data with its queries in another form.

    A chat model writes a passage or keywords for every query. The folder can be measured like any other:
    `tcmbench eval MODEL --tasks FOLDER`.
    """
    from tcmbench.generation import views as query_views
    from tcmbench.generation.queries import summary

    place = workspace(data)
    speed: dict[str, Any] = {"parallel": parallel, "requests_per_minute": requests_per_minute}
    sampling: dict[str, Any] = {"seed": seed, "max_tokens": max_tokens, "temperature": temperature}
    chat = _chat(place.store, url, api_key_env, speed, model, sampling)
    if not allow_remote:
        chat.require_local(source)
    task_data = query_views.find(place, source)
    with _Waiting() as waiting:
        counts = query_views.write(task_data, output, kind=kind.value, chat=chat, watch=waiting.of("queries"))
    say(f"{_costs(chat)}\n{output}: {summary(counts)}")


def _chat(
    store: Store, url: str, api_key_env: str, speed: dict[str, Any], model: str, sampling: dict[str, Any]
) -> Chat:
    from tcmbench.generation.chat import open_chat

    return open_chat({"url": url, "api_key_env": api_key_env, **speed}, {"name": model, **sampling}, store=store)


def _costs(chat: Chat) -> str:
    costs = chat.costs
    uncounted = f"; the server didn't count those of {costs['uncounted']:,} answers" if costs["uncounted"] else ""
    return (
        f"{chat.model.name}: {costs['requests']:,} requests ({costs['tokens_in']:,} tokens in, {costs['tokens_out']:,} "
        f"out), {costs['cached']:,} answers from the store{uncounted}"
    )


class _Waiting:
    """A moving line with the number of answers; nothing where stderr is not a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._status = Console(stderr=True).status("starting")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Show how many answers are there."""
        self._status.update(f"{what}: {done:,}/{total:,} answers")

    def of(self, what: str) -> Callable[[int, int], None]:
        """Return `show` for one kind of answers."""
        return lambda done, total: self.show(what, done, total)
