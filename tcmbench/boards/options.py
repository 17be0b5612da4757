"""What a board is worked out with: part of its key, so that nothing is imported here that only the work needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcmbench.specs import policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.baseline import Baseline
    from tcmbench.records.entry import TaskCard
    from tcmbench.specs.policy import Policies


@dataclass(frozen=True, slots=True)
class Options:
    """How a board is worked out."""

    policies: Policies = field(default_factory=policy.default)
    """Rules of the gate; also the resamples behind every interval, and their seed."""

    baseline: Baseline | None = None
    """Earlier scores that the models are held against."""

    baseline_file: str = ""
    """Path of the baseline, for people."""

    cards: Mapping[str, TaskCard] = field(default_factory=dict)
    """Column → what is known about the data."""

    command: str = ""
    """How the board is made again; empty takes `tcmbench board SET`."""
