"""Outputs of a check; one file is one output.

FILE: str                        name of its file under --output-dir
def render(report: Report) -> str    the whole file, ending in a newline
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from tcmbench import plugins

if TYPE_CHECKING:
    from tcmbench.checks.verdict import Report


class Output(Protocol):
    """A module of this folder."""

    FILE: str

    def render(self, report: Report) -> str:
        """Return the whole file, ending in a newline."""
        ...


def names() -> list[str]:
    """Return the names of all outputs."""
    return plugins.names("outputs")


def load(name: str) -> Output:
    """Return an output by name.

    Raises:
        UnknownName: There is none.
    """
    return cast("Output", plugins.load("outputs", name))
