"""JSON over HTTP with a server of models: tries again where that can help, and says clearly where it can't."""

from __future__ import annotations

import http.client
import json
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tcmbench import strict_json
from tcmbench.errors import EvaluationError, ModelAbsent

logger = logging.getLogger(__name__)

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_REFUSED = frozenset({401, 403})
_LONGEST_WAIT = 60.0
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go."""

    url: str
    """Without a slash at its end."""

    key: str
    """Sent as a bearer token; "" for none."""

    key_name: str
    """Environment variable that the key came from, for messages."""

    seconds: float
    """Time one request may take."""

    tries: int
    """Requests until it is given up."""

    pause: float
    """Seconds before the second request; doubled before every further one."""

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON that the server answers.

        Raises:
            ModelAbsent: No answer, too busy after all tries, or the key was refused.
            EvaluationError: The server refuses the request, or answers no JSON.
        """
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked where options are read
            f"{self.url}{path}", json.dumps(body, ensure_ascii=False).encode(), headers
        )
        reason = ""
        for attempt in range(self.tries):
            if attempt:
                logger.warning("%s%s: %s; trying again", self.url, path, reason)
            try:
                with urllib.request.urlopen(request, timeout=self.seconds) as answer:  # noqa: S310 - as above
                    return strict_json.loads(answer.read())
            except urllib.error.HTTPError as error:
                reason = self._reason(error, path)
                wait = _retry_after(error)
            except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
                reason, wait = f"no answer ({getattr(error, 'reason', error)})", None
            except (ValueError, RecursionError) as error:
                raise EvaluationError(f"{self.url}{path}: expected JSON, got something else: {error}") from error
            if attempt + 1 < self.tries:
                time.sleep(min(self.pause * 2**attempt if wait is None else wait, _LONGEST_WAIT))
        raise ModelAbsent(
            f"{self.url}{path}: {reason}, {self.tries} times. Start the server, or correct `url` in the base's options."
        )

    def _reason(self, error: urllib.error.HTTPError, path: str) -> str:
        """Return what a refusal says, where trying again can help.

        Raises:
            ModelAbsent: The key was refused. EvaluationError: The request was.
        """
        said = error.read().decode("utf-8", errors="replace")[:_SHOWN]
        if error.code in _REFUSED:
            key = (
                f"the key in ${self.key_name}" if self.key else "a request without a key (name one with `api_key_env`)"
            )
            raise ModelAbsent(f"{self.url}{path}: the server refuses {key}: {error.code} {said}") from error
        if error.code not in _AGAIN:
            raise EvaluationError(f"{self.url}{path}: the server refuses the request: {error.code} {said}") from error
        return f"answer {error.code} {said}"


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    """Return the seconds that the server asks to wait; None where it names none."""
    stated = error.headers.get("Retry-After", "") if error.headers else ""
    return float(stated) if stated.isdigit() else None
