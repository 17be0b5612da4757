"""A suite with its tasks looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.records.reason import Reason
    from tcmbench.records.task import Task
    from tcmbench.specs.suite import Suite


@dataclass(frozen=True, slots=True)
class PlannedSuite:
    """A suite with its tasks looked up."""

    suite: Suite
    """What is measured."""

    tasks: Mapping[str, Task]
    """Name → task, of those whose data is available."""

    absent: Mapping[str, Reason] = field(default_factory=dict)
    """Name → missing data and how to get it."""
