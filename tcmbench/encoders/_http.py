"""JSON over HTTP with a server of models: tries again where that can help, and says clearly where it can't.

A server is not trusted: it gets so much time and room for an answer and no more, it sends no request elsewhere, and
its words are repeated without the secrets that were sent to it.
"""

from __future__ import annotations

import base64
import email.utils
import http.client
import ipaddress
import json
import logging
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench import redaction, strict_json
from tcmbench.encoders._deadline import Deadline, opener
from tcmbench.errors import EvaluationError, ModelAbsent

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 525), 529})
"""Statuses that pass: those of the standard, and of proxies whose server doesn't answer or is overloaded."""

_REFUSED = frozenset({401, 403})
_REDIRECTED = range(300, 400)
_LONGEST_PAUSE = 60.0
_UNKNOWN_PATIENCE = 10.0
"""Seconds of patience with an address that nobody has answered at: it may be mistyped."""

_SHOWN = 200
_LARGEST_REFUSAL = 1 << 16
_LARGEST_BASE = 1 << 20
_LARGEST_PER_TEXT = 1 << 18
"""A vector of 8,192 numbers takes 180 KB as text."""
_LARGEST = 1 << 29


class RefusedRequest(EvaluationError):
    """A server refuses a request for what it contains, such as an empty text or one that is too long."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said
        """The body of the refusal without secrets, whole; the message has its beginning."""


class _Answer(NamedTuple):
    """What a server answered, as JSON."""

    value: Any


class _Refusal(NamedTuple):
    """Why a request has no answer yet."""

    reason: str

    wait: float | None = None
    """Seconds after which the server wants it again; None where it names none."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go."""

    url: str = field(repr=False)
    """Address up to the path of a request; user, password and query are sent, and shown nowhere."""

    key: str = field(repr=False)
    """Sent as a bearer token; "" for none."""

    key_name: str
    """Environment variable that the key came from, for messages."""

    seconds: float
    """Time one request may take, until the last byte of its answer."""

    patience: float
    """Seconds after which a request is no longer repeated, waiting included."""

    pause: float
    """Seconds before the second request; doubled before every further one."""

    pace: Callable[[], None] | None = field(default=None, repr=False)
    """Called before every request, repeated ones too: returns once it may be sent."""

    answered: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    """Set by the first answer of any kind, from when on the whole patience applies."""

    ended: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    """Set where nobody waits for answers any more: no request is repeated."""

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine: to `localhost` or a literal loopback address, never through a proxy.

        Other names are not looked up: what a name stands for can change between the look-up and the request.
        """
        hostname = urllib.parse.urlsplit(self.url).hostname or ""
        try:
            return hostname == "localhost" or ipaddress.ip_address(hostname).is_loopback
        except ValueError:
            return False

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return redaction.address(self.url).rstrip("/")

    def post(self, path: str, body: dict[str, Any], *, texts: int) -> Any:
        """Return the JSON that the server answers.

        Args:
            path: Path behind the address.
            body: What is sent, as JSON.
            texts: Vectors or scores that are asked for: an answer that is too large for them is not read.

        Raises:
            ModelAbsent: No answer or too busy until patience ends, or the key was refused.
            EvaluationError: The server refuses (`RefusedRequest`) or redirects the request, or answers no JSON, or too
                much.
        """
        largest = min(_LARGEST_BASE + _LARGEST_PER_TEXT * texts, _LARGEST)
        return self._answer(path, self._request(path, body), largest)

    def get(self, path: str) -> Any:
        """Return the JSON at a path; errors are those of `post`."""
        return self._answer(path, self._request(path, None), _LARGEST_BASE)

    def _answer(self, path: str, request: urllib.request.Request, largest: int) -> Any:
        where = f"{self.shown}{path}"
        start, pause = time.monotonic(), self.pause
        left = self.seconds
        while True:
            if self.pace is not None:
                self.pace()
            outcome = self._attempt(request, largest, where=where, seconds=min(self.seconds, left))
            if not isinstance(outcome, _Refusal):
                return outcome.value
            wait = outcome.wait or min(pause, _LONGEST_PAUSE)  # 0 is no pause that a busy server can mean
            patience = self.patience if self.answered.is_set() else min(self.patience, _UNKNOWN_PATIENCE)
            left = start + patience - time.monotonic() - wait
            if left <= 0 or self.ended.is_set():
                raise ModelAbsent(_given_up(where, outcome, seconds=time.monotonic() - start, patience=patience))
            logger.warning("%s: %s; trying again in %.1f seconds", where, outcome.reason, wait)
            self.ended.wait(wait)
            pause = max(2 * pause, 0.01)

    def _attempt(
        self, request: urllib.request.Request, largest: int, *, where: str, seconds: float
    ) -> _Answer | _Refusal:
        """Send a request once; return its answer, or why it should be sent again.

        Raises:
            ModelAbsent: The key was refused. EvaluationError: The request was, it was redirected, or it is no JSON.
        """
        late = f"no whole answer in {seconds:.3g} seconds"
        with Deadline(seconds) as deadline:
            try:
                with opener(deadline, is_direct=self.is_local).open(request, timeout=seconds) as answer:
                    self.answered.set()
                    said = answer.read(largest + 1)
                return _Refusal(late) if deadline.is_over else _Answer(_parsed(said, largest, where=where))
            except urllib.error.HTTPError as error:
                self.answered.set()
                return _Refusal(self._reason(error, where), _retry_after(error))
            except (OSError, http.client.HTTPException) as error:
                return _Refusal(late if deadline.is_over else f"no answer ({getattr(error, 'reason', error)})")

    def _request(self, path: str, body: dict[str, Any] | None) -> urllib.request.Request:
        """Return the request; what is secret in it is hidden from now on, in the server's words too."""
        redaction.learn(self.key, *redaction.in_address(self.url), *redaction.secrets(body or {}))
        parts = urllib.parse.urlsplit(self.url)
        headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        whole = urllib.parse.quote(parts.path.rstrip("/") + path, safe="/%:@!$&'()*+,;=~")
        host = parts.netloc.rpartition("@")[2]
        address = urllib.parse.urlunsplit((parts.scheme, host, whole, parts.query, ""))
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        return urllib.request.Request(address, data, headers)  # noqa: S310 - the scheme was checked where options are read

    def _reason(self, error: urllib.error.HTTPError, where: str) -> str:
        """Return what a refusal says, where trying again can help.

        Raises:
            ModelAbsent: The key was refused. EvaluationError: The request was, or it was sent elsewhere.
        """
        if error.code in _REDIRECTED:
            target = redaction.address(error.headers.get("Location", "")) or "no address"
            raise EvaluationError(
                f"{where}: the server redirects the request ({error.code}) to {target[:_SHOWN]}. It was not sent "
                "there, as the key would go with it. If that is your server, write its address as `url`."
            ) from error
        # Before it is cut: half of a key would not be found.
        body = " ".join(redaction.text(_read(error).decode("utf-8", errors="replace")).split())
        said = body[:_SHOWN]
        if error.code in _REFUSED:
            key = (
                f"the key in ${self.key_name}" if self.key else "a request without a key (name one with `api_key_env`)"
            )
            raise ModelAbsent(f"{where}: the server refuses {key}: {error.code} {said}") from error
        if error.code not in _AGAIN:
            raise RefusedRequest(f"{where}: the server refuses the request: {error.code} {said}", body) from error
        return f"answer {error.code} {said}"


def _read(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_LARGEST_REFUSAL)
    except (OSError, http.client.HTTPException):  # the code alone says enough
        return b""


def _parsed(said: bytes, largest: int, *, where: str) -> Any:
    """Return an answer as JSON.

    Raises:
        EvaluationError: It is larger than what was asked for can be, no JSON, or nested too deep.
    """
    if len(said) > largest:
        raise EvaluationError(f"{where}: expected an answer of at most {largest:,} bytes, got more. Check the server.")
    try:
        return strict_json.loads(said)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(
            f"{where}: expected JSON, got something else ({type(error).__name__}). Check that `url` is the address of "
            "the API, not of a page."
        ) from error


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    """Return the seconds that the server asks to wait, by a number or a date; None where it names none."""
    stated = error.headers.get("Retry-After", "") if error.headers else ""
    if stated.isascii() and stated.isdigit():
        return float(stated)
    try:
        date = email.utils.parsedate_to_datetime(stated)
        return max(0.0, date.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _given_up(where: str, refusal: _Refusal, *, seconds: float, patience: float) -> str:
    if refusal.wait is not None and refusal.wait > patience:
        wish = f"the server asks to wait for {refusal.wait:.0f} seconds, more than `patience` ({patience:g})"
        return f"{where}: {refusal.reason}; {wish}. Run again later."
    return f"{where}: {refusal.reason}, tried for {seconds:.0f} seconds. Start the server, or correct its URL."
