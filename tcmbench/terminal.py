"""What a terminal or the log of a CI system is sent: text that neither of them takes for a command.

Names and messages come from specs, data and servers. A terminal obeys control characters, and a CI system obeys lines
that begin with `::` (GitHub) or hold `##[` or `##vso[` (GitHub, Azure).
"""

from __future__ import annotations

import logging
import re

from tcmbench import redaction

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Control characters but tab and line feed, and what changes the direction of text or isn't seen."""

_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)", re.MULTILINE)


def printable(text: str) -> str:
    """Return text with control characters written as JSON writes them, and with nothing that CI takes for a command."""
    seen = _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\r\n", "\n"))
    return _COMMAND.sub(lambda match: f"{match[1] or ''}: " if match[1] is not None else "# ", seen)


def log_handler() -> logging.Handler:
    """Return what writes logs to stderr, tracebacks included, without secrets and commands."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    return handler


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(redaction.text(super().format(record)))
