"""No text makes a terminal or a CI system do something."""

from __future__ import annotations

import json

import pytest

from tcmbench.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]8;;http://evil.example\x07", "\\u001b[31mred\\u001b]8;;http://evil.example\\u0007"),
        ("a\rb\x08\x7f\x9b2K", "a\\u000db\\u0008\\u007f\\u009b2K"),
        ("gold\u202egnp.exe\u2066", "gold\\u202egnp.exe\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("::error file=x::no", ": :error file=x::no"),
        ("one\n  ::set-output name=x::y", "one\n  : :set-output name=x::y"),
        ("one\r\n\t::stop-commands::y", "one\n\t: :stop-commands::y"),
        ("a ##[group]b ##vso[task.setvariable]c", "a # #[group]b # #vso[task.setvariable]c"),
    ],
)  # fmt: skip
def test_commands_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    """Control characters, changes of direction, and what the log of a CI system takes for a command."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["脾胃虚弱证 −1.2 [0.1, 2] ✓ · …", "a\tb\n  c\n", "x::y", "# heading ## [x]", "e\u0301 👩\u200d⚕️", ""]
)
def test_other_text_stays(text: str) -> None:
    """Chinese, tables, signs."""
    assert printable(text) == text


def test_json_stays_json() -> None:
    """Escapes are those of JSON, so a document that is printed means the same."""
    value = {"name": "a\u202eb\u200b\x9b\x1b ##x"}
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value
