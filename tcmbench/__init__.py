"""Measure what fine-tuning gained on TCM-SD, what it forgot elsewhere, and whether the difference is real."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__version__ = "0.1.0"

__all__ = ["__version__", "register_tasks"]


def register_tasks(data_root: Path | str | None = None) -> list[str]:
    """Make tcmbench's tasks and benchmarks visible to mteb and return the task names.

    After this call `mteb.get_task("TCMSDRetrieval")`, `mteb.get_benchmark("TCM(zho, v1)")` and mteb's own
    command line know them. mteb is imported here, not when tcmbench is: it takes seconds.

    Args:
        data_root: Folder that holds the data; None finds it as the command line does.
    """
    from tcmbench.tasks.registration import register_with_mteb

    return register_with_mteb(data_root)
