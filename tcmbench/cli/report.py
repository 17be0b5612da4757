"""End of a run: the board in a few lines, its answer and path, and its missing scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.cli._output import say
from tcmbench.errors import ScoreMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.publish import Result

_SHOWN = 12


def report(result: Result, *, remedy: str = "") -> None:
    """Print the summary of the board and its path.

    Args:
        result: What was written.
        remedy: How missing scores are had, where that isn't the command that ends.

    Raises:
        ScoreMissing: Scores are missing (exit code 2); the board shows the reasons.
    """
    board = next((path for path in result.files if path.name == "index.html"), None)
    say(result.summary, nl=False)
    say(f"leaderboard: {board}")
    require_complete(result.missing, remedy=remedy)


def require_complete(missing: Sequence[str], *, remedy: str = "") -> None:
    """Check that no score is missing.

    Args:
        missing: `model · column: reason` of every missing score; a reason that holds for several models is given once.
        remedy: How they are had, in one sentence.

    Raises:
        ScoreMissing: Scores are missing; the message names them.
    """
    if missing:
        models: dict[str, list[str]] = {}
        for line in missing:
            model, _, what = line.partition(" · ")
            models.setdefault(what, []).append(model)
        grouped = [f"  {', '.join(names)} · {what}" for what, names in models.items()]
        more = len(grouped) - _SHOWN
        lines = grouped[:_SHOWN] + ([f"  and {more} more"] if more > 0 else [])
        count = "1 score is" if len(missing) == 1 else f"{len(missing)} scores are"
        head = f"{count} missing; the board shows the reasons in their cells:"
        raise ScoreMissing("\n".join([head, *lines, *([remedy] if remedy else [])]))
