"""What is said of training data that a chat model generated, so that no gain on its own queries passes for another."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tcmbench.generation.marks import generators_of
from tcmbench.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.tuning.training_data import TrainingData


def said_of(data: TrainingData, name: str, planned: PlannedSuite) -> Iterator[Reason]:
    """Yield that a source was generated, and which tasks of the suite have queries of the same generator.

    Args:
        data: The source.
        name: What it is called on the board.
        planned: The suite; of its tasks, those that are files or folders here are looked into.
    """
    models = set(_generators(data.root, data.sha256))
    if not models:
        return
    yield Reason.of("synthetic_data", source=name, models=", ".join(sorted(models)))
    for task_name, task in sorted(planned.tasks.items()):
        of_task = {model for path, _ in task.contents for model in _generators(path, task.revision)}
        if common := models & of_task:
            yield Reason.of("same_generator", tasks=task_name, models=", ".join(sorted(common)))


@lru_cache(maxsize=256)
def _generators(path: Path, revision: str) -> tuple[str, ...]:
    """Return the generators of a file, looked for once while its content is the same."""
    del revision
    return generators_of(path)
