"""Provenance: how a result came to be, without what is this machine's alone."""

from __future__ import annotations

import sys

import pytest

from tcmbench.records import provenance


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("/opt/env/bin/tcmbench", "tcmbench run demo"),
        ("/opt/env/site-packages/tcmbench/__main__.py", "python -m tcmbench run demo"),
        (r"C:\env\Scripts\tcmbench.exe", "tcmbench.exe run demo"),
    ],
)
def test_a_command_is_shown_as_it_can_be_repeated(program: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the folder of the program."""
    monkeypatch.setattr(sys, "argv", [program, "run", "demo"])
    assert provenance.command() == shown
