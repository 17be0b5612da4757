"""Text for terminals and CI logs, escaped so that neither interprets it as a command.

Names and messages come from specs, data and servers. A terminal interprets control characters, and a CI system
interprets lines that begin with `::` (GitHub) or contain `##[` or `##vso[` (GitHub, Azure).
"""

from __future__ import annotations

import logging
import re

from tcmbench import redaction

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Control characters but tab and line feed, and characters that are invisible or change the direction of text."""

_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)", re.MULTILINE)


def printable(text: str) -> str:
    """Return text with control characters escaped as in JSON, and without commands of CI systems."""
    seen = _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\r\n", "\n"))
    return _COMMAND.sub(lambda match: f"{match[1] or ''}: " if match[1] is not None else "# ", seen)


def log_handler() -> logging.Handler:
    """Return a handler that logs to stderr, tracebacks included, without secrets and commands."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    return handler


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(redaction.text(super().format(record)))
