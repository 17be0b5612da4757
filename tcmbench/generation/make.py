"""From a source's name to a file of generated training pairs: all checks come before the first request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tcmbench.data import location, reading
from tcmbench.errors import SpecError
from tcmbench.generation import sources, training_file
from tcmbench.generation.queries import QueryOptions, generate
from tcmbench.specs.task import TaskSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcmbench.generation.chat import Chat
    from tcmbench.generation.queries import Generated
    from tcmbench.generation.sources import TextsFrom
    from tcmbench.models.embedder import BaseEmbedder
    from tcmbench.workspace import Workspace


class NamedSource(NamedTuple):
    """Where the texts come from."""

    place: str
    """Path of the data, or name of a task."""

    texts_from: TextsFrom = ""

    format_name: str = ""
    """Format of the data; "" recognises it."""

    limit: int | None = None
    """At most so many texts."""


class Chats(NamedTuple):
    """The models that are asked."""

    generator: Chat

    judge: Chat | None = None

    allow_remote: bool = False
    """Whether texts may be sent to a server that is not on this machine."""


class MadeQueries(NamedTuple):
    """What was written."""

    generated: Generated

    report: Path


def make(
    workspace: Workspace,
    source: NamedSource,
    chats: Chats,
    output: Path,
    *,
    options: QueryOptions,
    base: str,
    watch: Callable[[str, int, int], None] | None = None,
) -> MadeQueries:
    """Write generated training pairs and their report.

    Args:
        workspace: Where bases, tasks and the store are.
        source: The texts.
        chats: The models.
        output: File of JSON lines; other data in its place is refused.
        options: Which queries are generated and kept.
        base: Name of the base for near-duplicates and retrieval.
        watch: Called with what is done, the number that is done, and of all.

    Raises:
        SpecError: A server elsewhere without leave, or a base without vectors.
        TcmbenchError: As `sources.read`, `queries.generate` and `training_file.write`.
    """
    options.require_known()
    for chat in (chats.generator, chats.judge):
        if chat is not None and not chats.allow_remote:
            chat.require_local(source.place)
    training_file.require_own(output)
    embedder = _embedder(workspace, base)
    path = _path(workspace, source.place)
    read = sources.read(path, texts_from=source.texts_from, format_name=source.format_name)
    read = read.sample(source.limit, seed=options.seed)
    generated = generate(read, chats.generator, options=options, embedder=embedder, judging=chats.judge, watch=watch)
    report = training_file.write(
        output,
        generated,
        read,
        made_by={
            "generator": chats.generator.model.model_dump(mode="json"),
            "judge": chats.judge.model.model_dump(mode="json") if chats.judge else None,
            "base": {"name": base, "revision": embedder.revision},
            "options": options.model_dump(mode="json"),
            "costs": {
                "generator": dict(chats.generator.costs),
                "judge": dict(chats.judge.costs) if chats.judge else None,
            },
        },
    )
    return MadeQueries(generated, report)


def _path(workspace: Workspace, place: str) -> Path:
    """Return the path of data, or of a task's data."""
    path = Path(place).expanduser()
    if not reading.exists(path) and workspace.has_task(place):
        return location.locate(workspace, workspace.spec(TaskSpec, place).path)
    return path


def _embedder(workspace: Workspace, name: str) -> BaseEmbedder:
    from tcmbench.models import base_model
    from tcmbench.models.embedder import BaseEmbedder

    model = base_model(workspace, name, where="--base")
    if "vectors" not in model.base.abilities:
        raise SpecError(
            f"--base {name}: expected a base that returns vectors, got one without. Name an embedding base."
        )
    return BaseEmbedder(model, workspace.cache)
