"""Requests that are refused, with the status that clients act on; a message never repeats a text of the request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from tcmbench.errors import TcmbenchError

if TYPE_CHECKING:
    from tcmbench.store import Json

_OPENAI = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
_TEI = {
    HTTPStatus.TOO_MANY_REQUESTS: "Overloaded",
    HTTPStatus.SERVICE_UNAVAILABLE: "Unhealthy",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Backend",
}


class Refused(TcmbenchError):
    """A request without an answer."""

    def __init__(self, status: HTTPStatus, message: str, *, retry_after: int | None = None) -> None:
        """Set what the client gets.

        Args:
            status: Status of the response.
            message: What was expected, what came, and what to do.
            retry_after: Seconds until another try makes sense; None where none does.
        """
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the response."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def body(self, path: str) -> Json:
        """Return the response in the form of the path's dialect: OpenAI's under /v1 and /v2, else TEI's."""
        if path.startswith(("/v1/", "/v2/")):
            is_ours = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            kind = _OPENAI.get(self.status, "server_error" if is_ours else "invalid_request_error")
            return {"error": {"message": str(self), "type": kind, "param": None, "code": int(self.status)}}
        return {"error": str(self), "error_type": _TEI.get(self.status, "Validation")}


def bad_request(message: str) -> Refused:
    """Return the refusal of a request that has to be changed."""
    return Refused(HTTPStatus.BAD_REQUEST, message)
