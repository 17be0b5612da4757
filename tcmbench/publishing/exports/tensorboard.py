"""TensorBoard: one folder of event files per row, for `tensorboard --logdir`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tcmbench.publishing.exports._runs import library, runs
from tcmbench.store import placed

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.publishing.exports import StoredBoard

CAN_BE_ONLINE = False


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write one folder per row, in one with the label of the board; those of the same board are replaced."""
    del is_online
    library("tensorboard", extra="tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    target, rows = folder / board.table.label, runs(board.table)
    shutil.rmtree(target, ignore_errors=True)
    with placed(target) as part:
        for run in rows:
            with SummaryWriter(log_dir=str(part / run.name)) as writer:
                for name, value in run.metrics.items():
                    writer.add_scalar(name, value, 0)
                for name, curve in run.curves.items():
                    for point in curve:
                        writer.add_scalar(name, point.value, point.step)
                facts = {**run.tags, **run.params}
                writer.add_text("recipe", "\n".join(f"- {name}: {value}" for name, value in facts.items()), 0)
    return [f"{target}: {len(rows)} runs; to see them: tensorboard --logdir {folder}"]
