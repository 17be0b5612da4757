"""What a text of a request is: a query, a document, a text of neither kind, or one that has its prompt already."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from tcmbench.serving.refusals import bad_request


class InputType(StrEnum):
    """Decides the prompt, as the task and the role of a text do in evaluation."""

    QUERY = "query"
    DOCUMENT = "document"
    TEXT = "text"
    """A text of a task without queries: similarity, classification, clustering."""

    NONE = "none"
    """No prompt: the client's text is complete."""


class TypedText(NamedTuple):
    """A text with its type."""

    type: InputType

    text: str


_NAMES = {
    **{kind.value: kind for kind in InputType},
    "passage": InputType.DOCUMENT,
    "search_query": InputType.QUERY,
    "search_document": InputType.DOCUMENT,
    "classification": InputType.TEXT,
    "clustering": InputType.TEXT,
}
"""Names of other APIs too: NIM's passage; Cohere's search_query, search_document, classification and clustering."""

_SEPARATORS = "-:"
_OF_MODELS = ("query", "document", "passage", "text")


def of_name(name: str) -> InputType:
    """Return the type of a name in a request.

    Raises:
        Refused: No such type.
    """
    if name not in _NAMES:
        raise bad_request(f"input_type: expected one of {', '.join(_NAMES)}, got {name[:40]!r}")
    return _NAMES[name]


def of_model(asked: str, served: str) -> InputType | None:
    """Return the type that the name of a model ends with (`NAME-query`, `NAME:document`), None for the name alone.

    Args:
        asked: Model of the request.
        served: Name of the served model.

    Raises:
        ValueError: Another model.
    """
    if asked == served:
        return None
    rest = asked.removeprefix(served)
    if rest == asked or rest[:1] not in _SEPARATORS or rest[1:] not in _OF_MODELS:
        raise ValueError(asked)
    return _NAMES[rest[1:]]
