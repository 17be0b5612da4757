"""Who may ask: clients with the key, and on the loopback address only requests to a name of this machine."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tcmbench import redaction
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.serving.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOCAL_NAME = re.compile(r"(?i)(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?")
"""Host names of this machine, with any port, as a tunnel may use another one."""

_OPEN = frozenset({"/health"})
"""Paths that need no key, for the probes of a container."""


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_of(variable: str) -> str:
    """Return the key in an environment variable; "" without a variable.

    Raises:
        ModelAbsent: The variable isn't set, or its value can't be sent by a client.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "")
    redaction.learn(key)
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ModelAbsent(
            f"--api-key-env: expected a key of printable ASCII characters in ${variable}, got "
            f"{'other characters' if key else 'nothing'}. Set it: export {variable}=…"
        )
    return key


def require_key(host: str, key: str, *, is_open: bool) -> None:
    """Check that a server which others can reach has a key.

    Raises:
        SpecError: It has none, and `is_open` doesn't allow that.
    """
    if not (key or is_open or is_loopback(host)):
        raise SpecError(
            f"--host {host}: other machines can reach this address, and anyone there could use the model. Require a "
            "key with --api-key-env VARIABLE, or allow everyone with --allow-anyone."
        )


class Gate:
    """An ASGI application that only requests with access reach."""

    def __init__(
        self, app: Any, *, key: str, is_local: bool, refuse: Callable[[Refused, str], Callable[..., Awaitable[None]]]
    ) -> None:
        """Set who has access.

        Args:
            app: The application.
            key: Key that requests have to send; "" for none.
            is_local: Whether only names of this machine are served: a page of another site can make a browser send
                requests under that site's name (DNS rebinding).
            refuse: Returns the response to a refused request of a path.
        """
        self._app = app
        self._key = f"Bearer {key}".encode() if key else b""
        self._is_local = is_local
        self._refuse = refuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        app = self._app if refused is None else self._refuse(refused, scope["path"])
        await app(scope, receive, send)

    def _refused(self, scope: Any) -> Refused | None:
        names = [value for name, value in scope["headers"] if name == b"host"]
        is_named = len(names) == 1 and _LOCAL_NAME.fullmatch(names[0].decode("latin-1").strip())
        if self._is_local and not is_named:
            return Refused(HTTPStatus.MISDIRECTED_REQUEST, "expected a host name of this machine, such as localhost")
        if self._key and scope["path"] not in _OPEN:
            sent = [value for name, value in scope["headers"] if name == b"authorization"]
            if len(sent) != 1 or not hmac.compare_digest(sent[0], self._key):
                return Refused(HTTPStatus.UNAUTHORIZED, "expected the header Authorization: Bearer KEY, with the key")
        return None
