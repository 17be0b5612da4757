"""MLflow: one run per row in an experiment named by the set, in a folder, or on the server of the environment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tcmbench.publishing.exports._runs import TrackedRun, library, runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tcmbench.publishing.exports import StoredBoard

CAN_BE_ONLINE = True
_LONGEST = 6000
"""Characters of a parameter that MLflow stores."""

_REFUSED = re.compile(r"[^/\w.\- ]")
"""What a version of MLflow refuses in a name, such as the brackets of a view's."""


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write the runs that are not there yet; online, to MLFLOW_TRACKING_URI."""
    mlflow = library("mlflow", extra="mlflow")
    place = mlflow.get_tracking_uri() if is_online else _database(folder)
    client = mlflow.MlflowClient(tracking_uri=place)
    name = f"tcmbench-{board.name}"
    experiment = client.get_experiment_by_name(name)
    # a local run has no artefacts, but they would go beside the database, not to the current folder
    artefacts = None if is_online else (folder / "artefacts").resolve().as_uri()
    number = client.create_experiment(name, artefacts) if experiment is None else experiment.experiment_id
    new = [run for run in runs(board.table) if not _is_there(client, number, run)]
    for run in new:
        _log(client, number, run)
    shown = "" if is_online else f"; to see them: mlflow ui --backend-store-uri {place}"
    return [f"{'the tracking server' if is_online else folder}: experiment {name}, {len(new)} new runs{shown}"]


def _database(folder: Path) -> str:
    """Return the address of a local database; MLflow no longer takes a plain folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def _is_there(client: Any, experiment: str, run: TrackedRun) -> bool:
    query = f"tags.`tcmbench.identity` = '{run.identity}' and attributes.status = 'FINISHED'"
    return bool(client.search_runs([experiment], filter_string=query, max_results=1))


def _log(client: Any, experiment: str, run: TrackedRun) -> None:
    from mlflow.entities import Metric, Param

    named = _names([*run.metrics, *run.curves])
    started = client.create_run(experiment, run_name=run.name, tags=dict(run.tags))
    now = started.info.start_time
    metrics = [Metric(named[name], value, now, 0) for name, value in run.metrics.items()]
    metrics += [
        Metric(named[name], point.value, now, point.step) for name, curve in run.curves.items() for point in curve
    ]
    keys = _names(run.params)
    params = [Param(keys[name], value[:_LONGEST]) for name, value in run.params.items()]
    status = "FAILED"  # such runs are written again by the next export
    try:
        for start in range(0, len(metrics), 1000):
            client.log_batch(started.info.run_id, metrics=metrics[start : start + 1000])
        for start in range(0, len(params), 100):
            client.log_batch(started.info.run_id, params=params[start : start + 100])
        status = "FINISHED"
    finally:
        client.set_terminated(started.info.run_id, status=status)


def _names(given: Iterable[str]) -> dict[str, str]:
    """Return name → how MLflow takes it; a number tells apart those that would become one."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(given):
        plain = shown = _REFUSED.sub("_", name)
        number = 2
        while shown in found.values():
            shown, number = f"{plain}_{number}", number + 1
        found[name] = shown
    return found
