"""Recognises secrets and removes them from texts and records.

Passwords, keys and tokens occur in specs (addresses, fields of requests) and in the responses of servers. Everything
written or shown is redacted first: errors on creation, recipes, command lines and logs when they are written.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "***"
"""Replaces a secret."""

_SURE = frozenset(
    {
        "password", "passwd", "passphrase", "passcode", "secret", "secrets", "credential", "credentials",
        "authorization", "cookie", "bearer", "signature", "jwt", "apikey", "apikeys", "accesskey", "accesstoken",
        "authtoken", "secretkey", "privatekey", "sessiontoken", "awsaccesskeyid", "googleaccessid",
    }
)  # fmt: skip
_BEFORE_KEY = frozenset(
    {
        "api", "access", "auth", "private", "account", "subscription", "signing", "encryption", "master", "admin",
        "service", "license",
    }
)  # fmt: skip
_BEFORE_TOKEN = frozenset(
    {
        "api", "access", "auth", "bearer", "refresh", "session", "security", "id", "hf", "hub", "github", "gitlab",
        "user", "login", "personal",
    }
)  # fmt: skip
_BARE = frozenset({"key", "token", "auth", "sig", "pass", "pwd"})
"""Names that often, but not always, denote a secret."""
_OF_PLACES = frozenset({"env", "name", "variable", "file", "path", "count", "length", "type"})
"""Last words of names that denote a property of a secret, such as its location, not the secret."""

_SHORTEST = 4
"""Minimum length of a secret that is hidden wherever it occurs; shorter ones would hide ordinary words."""
_learned: set[str] = set()

_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#'\"<>]*@")
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]*://\S+")
_PARAMETER = re.compile(r"([?&#;])([\w.%~-]+)=([^&\s#'\"<>]+)")
_FRAGMENT = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s#'\"<>]*#)([^\s'\"<>]+)")
_HEADING = re.compile(r"[^\W\d]{1,30}(?:[-_.][^\W\d]{1,30})*")
"""A fragment that names a part of a page."""
_PAIR = re.compile(
    r"(?i)(?<![\w.-])([\w.-]{0,64}(?:pass|pwd|secret|cred|auth|cookie|bearer|sig|jwt|key|token)[\w.-]{0,64})"
    r"([\"']?\s*[=:]\s*)(\"[^\"\n]*\"|'[^'\n]*'|(?:(?:bearer|basic|token|digest)\s+)?[^\s\"'&,;{}\[\]()<>]+)"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic)(\s+)([\w+/=.~-]{8,})")
_OPTION = re.compile(r"(?<!\S)(--?[\w-]+)(\s+)('[^']*'|\"[^\"]*\"|[^\s'\"-]\S*)")
_FORMATS = re.compile(
    r"\b(?:sk-[\w-]{16,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)


def learn(*secrets: str) -> None:
    """Hide these wherever they occur from now on, verbatim and as escaped in JSON, HTML and addresses."""
    for secret in secrets:
        forms = {
            secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.unquote(secret),
            json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret),
            base64.b64encode(secret.encode()).decode(),
        }  # fmt: skip
        _learned.update(form for form in forms if len(form) >= _SHORTEST)


def text(said: str) -> str:
    """Return a text without secrets: the registered ones, and what looks like one."""
    for secret in sorted(_learned, key=lambda secret: (-len(secret), secret)):
        said = _without(secret, said)
    said = _certain(said)
    said = _PARAMETER.sub(lambda m: f"{m[1]}{m[2]}={HIDDEN}" if _looks_random(m[3], least=20) else m[0], said)
    said = _FRAGMENT.sub(lambda m: m[1] + HIDDEN if _HEADING.fullmatch(m[2]) is None else m[0], said)
    said = _SCHEME.sub(lambda m: f"{m[1]}{m[2]}{HIDDEN}" if _looks_random(m[3]) else m[0], said)
    said = _OPTION.sub(lambda m: m[1] + m[2] + HIDDEN if _is_sure(m[1]) else m[0], said)
    return _PAIR.sub(_without_pair, said)


def _without(secret: str, said: str) -> str:
    """Return a text without a secret; one of letters alone is hidden as a word, since it may be a part of others."""
    if secret.isascii() and secret.isalpha():
        return re.sub(rf"(?<!\w){secret}(?!\w)", HIDDEN, said, flags=re.ASCII)
    return said.replace(secret, HIDDEN)


def address(url: str) -> str:
    """Return an address without the parts that can hold a secret: user, query and fragment."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # not an address, so its parts can't be told apart
        return HIDDEN
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def in_address(url: str) -> list[str]:
    """Return the secrets of an address, as written and as sent."""
    parts = urllib.parse.urlsplit(url)
    user, password = urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
    named = urllib.parse.parse_qsl(parts.query)
    secret = [value for name, value in named if _holds_secret(name, value) or _looks_random(value)]
    return [f"{user}:{password}", user, password, parts.fragment, *secret]


def record(value: Any) -> Any:
    """Return a value for a record: fields named like secrets are hidden, in addresses also query and fragment."""
    if isinstance(value, dict):
        return {name: HIDDEN if _holds_secret(name, inner) else record(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [record(inner) for inner in value]
    if isinstance(value, str):
        return address(value) if _ADDRESS.fullmatch(value) else text(value)
    return value


def identity(value: Any) -> Any:
    """Return a value for a key: a changed secret leaves the key unchanged, and nothing else is left out."""
    if isinstance(value, dict):
        return {name: HIDDEN if _is_certain(name, inner) else identity(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [identity(inner) for inner in value]
    return _certain(value, is_strict=True) if isinstance(value, str) else value


def secrets(value: Any, *, is_secret: bool = False) -> Iterator[str]:
    """Yield the secrets of a value, such as the fields of a request."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from secrets(inner, is_secret=is_secret or _holds_secret(name, inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets(inner, is_secret=is_secret)
    elif is_secret and not isinstance(value, bool | None):
        yield str(value)


def _certain(said: str, *, is_strict: bool = False) -> str:
    """Return a text without users of addresses, known formats of keys, and parameters that are named like secrets."""

    def parameter(match: re.Match[str]) -> str:
        is_secret = _is_sure(match[2]) or (_is_bare(match[2]) and (not is_strict or _looks_random(match[3])))
        return f"{match[1]}{match[2]}={HIDDEN}" if is_secret else match[0]

    said = _USER.sub(rf"\1{HIDDEN}@", said)
    return _PARAMETER.sub(parameter, _FORMATS.sub(HIDDEN, said))


def _without_pair(match: re.Match[str]) -> str:
    """Return `name = value` without the value where the name denotes a secret, and the value isn't an ordinary word."""
    name, between, value = match.groups()
    quote = value[0] if value[0] in "\"'" else ""
    is_value = bool(quote) or "=" in between or " " in value or _looks_random(value)
    if (_is_sure(name) and is_value) or (_is_bare(name) and quote):
        return f"{name}{between}{quote}{HIDDEN}{quote}"
    return match[0]


def _holds_secret(name: object, value: object) -> bool:
    return value not in (None, "", True, False) and (_is_sure(str(name)) or _is_bare(str(name)))


def _is_certain(name: object, value: object) -> bool:
    """Return whether a field must be a secret: any other field may change the results."""
    if not _holds_secret(name, value):
        return False
    return _is_sure(str(name)) or (isinstance(value, str) and _looks_random(value))


def _is_sure(name: str) -> bool:
    words = _words(name)
    if not words or words[-1] in _OF_PLACES:
        return False
    pairs = itertools.pairwise(words)
    return not _SURE.isdisjoint(words) or any(
        (first in _BEFORE_KEY and second in {"key", "keys"}) or (first in _BEFORE_TOKEN and second == "token")
        for first, second in pairs
    )


def _is_bare(name: str) -> bool:
    return "_".join(_words(name)) in _BARE


def _words(name: str) -> list[str]:
    """Return the words of a name, as in `X-Api-Key`, `apiKey`, `api_key`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", urllib.parse.unquote(name))
    return re.findall(r"[a-z0-9]+", parted.lower())


def _looks_random(value: str, *, least: int = 8) -> bool:
    """Return whether a value looks like a key: long, or with digits in it, and without words."""
    has_digit = any(character.isdigit() for character in value)
    return not re.search(r"\s", value) and (len(value) >= max(16, least) or (len(value) >= least and has_digit))
