"""Weights & Biases: one run per row in the project `tcmbench-SET`, offline in a folder, or online.

Offline runs are sent later by `wandb sync`; the id of a run is a hash of its scores, so another export is the same run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.publishing.exports._runs import library, runs

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.publishing.exports import StoredBoard

CAN_BE_ONLINE = True


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write one run per row."""
    wandb = library("wandb", extra="wandb")
    folder.mkdir(parents=True, exist_ok=True)
    project, rows = f"tcmbench-{board.name}", runs(board.table)
    settings = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True)
    for run in rows:
        started = wandb.init(
            project=project,
            name=run.name,
            id=run.identity,
            group=board.table.label,
            job_type=run.tags["tcmbench.kind"],
            config={"recipe": dict(run.params), "tcmbench": dict(run.tags)},
            dir=str(folder),
            mode="online" if is_online else "offline",
            resume="allow" if is_online else None,
            settings=settings,
        )
        steps = sorted({point.step for curve in run.curves.values() for point in curve})
        by_step = {step: {n: p.value for n, c in run.curves.items() for p in c if p.step == step} for step in steps}
        for step, values in by_step.items():
            started.log(values, step=step)
        started.summary.update(dict(run.metrics))
        started.finish(exit_code=0)
    if is_online:
        return [f"project {project}: {len(rows)} runs"]
    return [
        f"{folder}: {len(rows)} runs of project {project}; to send them: wandb sync {folder / 'wandb'}/offline-run-*"
    ]
