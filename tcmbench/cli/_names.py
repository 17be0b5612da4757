"""Options that several commands share, and names that may be repeated or separated by commas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

TasksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        "--task",
        metavar="TASK",
        help="Instead of a suite: a task, a file of pairs, a BEIR or TCM-SD folder; may be repeated.",
        show_default=False,
    ),
]

BaseOption = Annotated[
    str, typer.Option("--base", metavar="MODEL", help="Base of an adapter or checkpoint that doesn't name one.")
]

LimitOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="A quick look: at most N queries, pairs or texts per task, a fixed sample with scores of its own.",
        show_default=False,
    ),
]


def separated(names: Iterable[str] | None) -> list[str]:
    """Return names that were repeated or separated by commas; a path or URL may contain commas."""
    return [part for name in names or () for part in ([name] if _is_whole(name) else name.split(",")) if part]


def _is_whole(name: str) -> bool:
    try:
        return "://" in name or Path(name).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False
