"""The forms of requests and answers that clients of other servers know, one per file.

Some paths mean different things in different dialects. There the fields of the body decide: an operation is that of
the dialect whose `field` is in the body, and a body with the fields of two dialects, or of none, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tcmbench.serving.service import Service
    from tcmbench.store import Json


class RequestBody(BaseModel):
    """Base of all requests: an unknown field is an error, since one that changes vectors must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Operation(NamedTuple):
    """A request of a dialect."""

    paths: tuple[str, ...]

    field: str
    """Field that only this dialect has among those with the same path."""

    request: type[RequestBody]
    """Form of the body."""

    answer: Callable[[Service, Any], Awaitable[Json]]
    """Returns the body of the response.

    Raises:
        Refused: The request can't be answered.
    """
