"""Measure what fine-tuning gained on TCM-SD, what it forgot elsewhere, and whether the difference is real.

In Python: `tcmbench.evaluate`, `run`, `board`, `compare`, `check`, `check_model`, `verify`, `power`, `train`, `search`
and `Workspace` (see `tcmbench.api`). They are imported when they are first used, so that `import tcmbench` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tcmbench.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.api import board, check, check_model, compare, evaluate, power, run, search, train, verify
    from tcmbench.api import find as Workspace  # noqa: N812 (called like the class that it returns)

_COMMANDS = ("board", "check", "check_model", "compare", "evaluate", "power", "run", "search", "train", "verify")

__all__ = [
    "Workspace", "__version__", "board", "check", "check_model", "compare", "evaluate", "power", "register_tasks",
    "run", "search", "train", "verify",
]  # fmt: skip

_API = {**{name: name for name in _COMMANDS}, "Workspace": "find"}


def register_tasks(data_root: Path | str | None = None) -> list[str]:
    """Make tcmbench's tasks and benchmarks visible to mteb and return the task names.

    After this call `mteb.get_task("TCMSDRetrieval")`, `mteb.get_benchmark("TCM(zho, v1)")` and mteb's own
    command line know them. mteb is imported here, not when tcmbench is: it takes seconds.

    Args:
        data_root: Folder that holds the data; None finds it as the command line does.
    """
    from tcmbench.tasks.registration import register_with_mteb

    return register_with_mteb(data_root)


def __getattr__(name: str) -> Any:
    if name in _API:
        from tcmbench import processor

        processor.sleep_while_waiting()  # before torch is imported, as the command line does
        return getattr(importlib.import_module("tcmbench.api"), _API[name])
    raise AttributeError(f"module 'tcmbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
