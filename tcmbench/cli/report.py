"""End of a run: the board in a few lines, its answer and path, and its missing scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.cli._output import say
from tcmbench.errors import ScoreMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.boards.publish import Result

_SHOWN = 12


def report(result: Result) -> None:
    """Print the summary of the board and its path.

    Raises:
        ScoreMissing: Scores are missing (exit code 2); the board shows the reasons.
    """
    board = next((path for path in result.files if path.name == "index.html"), None)
    say(result.summary, nl=False)
    say(f"leaderboard: {board}")
    require_complete(result.missing)


def require_complete(missing: Sequence[str]) -> None:
    """Check that no score is missing.

    Args:
        missing: `model · column: reason` of every missing score; a reason that holds for several models is given once.

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
        raise ScoreMissing(
            f"{len(missing)} scores are missing; the board shows the reasons in their cells:\n" + "\n".join(lines)
        )
