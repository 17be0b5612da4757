"""A search from Python, as `tcmbench search` does it."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from tcmbench.records.search import SearchOutcome
    from tcmbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A search that has ended, and its files."""

    outcome: SearchOutcome
    """All trials, the winner and its confirmation."""

    board: Path
    """The page of all trials."""

    recipe: Path | None
    """The winner's recipe as the file of a variant; None where none was selected."""

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per trial: its parameters, and its figures on the selection half, in points (0–100)."""
        import pandas as pd

        rows = []
        for trial in self.outcome.trials:
            figures = trial.selection
            row: dict[str, object] = {"trial": trial.number, "state": trial.state, **trial.parameters}
            for name in ("gain", "held_out", "general"):
                change = getattr(figures, name, None)
                row |= {name: change and change.value, f"{name}_low": change and change.low}
            rows.append(row)
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        """Return the lines that `tcmbench search` prints."""
        from tcmbench.searches.report import to_text

        return to_text(self.outcome)


def search(
    space: str | os.PathLike[str],
    *,
    trials: int | None = None,
    jobs: int = 1,
    public: bool = False,
    output: str | os.PathLike[str] | None = None,
    workspace: Workspace | None = None,
) -> SearchResult:
    """Find the recipe of a space with the largest gain that passes the gate, confirm it, and write the board.

    Args:
        space: Name of a file under `models/spaces/`, or the path of one.
        trials: Recipes to try; None for the space's own number.
        jobs: Number of parallel jobs, and of recipes that are chosen at a time.
        public: Whether the board is for publication: aggregates only, without ids, labels and texts of the data.
        output: Folder of the board; None for `leaderboards/search-SPACE`.
        workspace: The workspace; None finds it like the command line.

    Raises:
        ScoreMissing: The reference or the winner could not be measured.
    """
    from tcmbench import plugins
    from tcmbench.searches import publish, spaces
    from tcmbench.searches.search import search as searched
    from tcmbench.workspace import from_environment

    performing = plugins.use("executors", "local", {"jobs": jobs}, where="jobs")
    execute = functools.partial(performing.module.run, options=performing.options)
    place, chosen = spaces.named(workspace or from_environment(Path()), os.fspath(space), trials=trials)
    ended = searched(place, chosen, execute=execute, emit=lambda _: None, together=jobs)
    written = publish.write(ended, public=public, target=None if output is None else Path(output))
    return SearchResult(ended.outcome, *written)
