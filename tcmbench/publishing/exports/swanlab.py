"""SwanLab: one experiment per row in the project `tcmbench-SET`, offline in a folder, or in its cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.publishing.exports._runs import library, runs

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.publishing.exports import StoredBoard

CAN_BE_ONLINE = True


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write one experiment per row."""
    swanlab = library("swanlab", extra="swanlab")
    folder.mkdir(parents=True, exist_ok=True)
    project, rows = f"tcmbench-{board.name}", runs(board.table)
    for run in rows:
        swanlab.init(
            project=project,
            name=run.name,
            id=run.identity,
            resume="allow" if is_online else None,
            group=board.table.label,
            job_type=run.tags["tcmbench.kind"],
            config={"recipe": dict(run.params), "tcmbench": dict(run.tags)},
            log_dir=str(folder),
            mode="online" if is_online else "offline",
        )
        steps = sorted({point.step for curve in run.curves.values() for point in curve})
        for step in steps:
            swanlab.log({n: p.value for n, c in run.curves.items() for p in c if p.step == step}, step=step)
        swanlab.log(dict(run.metrics), step=steps[-1] if steps else 0)
        swanlab.finish()
    if is_online:
        return [f"project {project}: {len(rows)} experiments"]
    return [f"{folder}: {len(rows)} experiments of project {project}; to send them: swanlab sync {folder}/run-*"]
