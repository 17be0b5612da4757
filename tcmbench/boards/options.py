"""Options of a board. They are part of its key, so this module imports nothing that only the computation needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcmbench.specs import policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.baseline import Baseline
    from tcmbench.comparison.looks import Looks
    from tcmbench.records.entry import TaskCard
    from tcmbench.records.search import SearchOutcome
    from tcmbench.specs.policy import Policies


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a board."""

    policies: Policies = field(default_factory=policy.default)
    """Rules of the gate; also the resamples behind every interval, and their seed."""

    baseline: Baseline | None = None
    """Earlier scores that the models are compared with."""

    baseline_file: str = ""
    """Path of the baseline, for display."""

    looks: Looks | None = None
    """Looks of `tcmbench check` so far, where the policy plans several."""

    cards: Mapping[str, TaskCard] = field(default_factory=dict)
    """Column → card of its task."""

    command: str = ""
    """Command that rebuilds the board; empty takes `tcmbench board SET`."""

    search: SearchOutcome | None = None
    """The search whose trials the board shows."""

    public: bool = False
    """Whether the board is for publication: aggregates only."""
