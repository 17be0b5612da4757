"""Registration of tcmbench's tasks and suites with mteb, which has no public API for it."""

from __future__ import annotations

import importlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tcmbench import tasks
from tcmbench.data import location
from tcmbench.errors import DataAbsent, TcmbenchError
from tcmbench.records.task import Task
from tcmbench.specs.suite import Suite
from tcmbench.specs.task import TaskSpec
from tcmbench.specs.toml import Spec
from tcmbench.workspace import Workspace, find

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask

logger = logging.getLogger(__name__)

ABSENT = "absent"
"""Revision of a task whose data isn't on this machine; loading it raises `DataAbsent`."""


def register_with_mteb(data_root: Path | str | None = None, *, workspace: Workspace | None = None) -> list[str]:
    """Register all local tasks and one benchmark per suite; see `tcmbench.register_tasks`.

    Registering twice replaces the first registration, so that another data root can be given.
    """
    if workspace is None:
        workspace = find(Path.cwd(), data=Path(data_root) if data_root else None)
    get_tasks = tasks.importlib_get_tasks()
    names = [name for name, spec in workspace.specs(TaskSpec) if isinstance(_readable(name, spec), TaskSpec)]
    others = [t for t in get_tasks.TASK_LIST if t.metadata.name not in set(names)]
    ours = [_task_class(workspace, name) for name in names]
    setattr(get_tasks, "TASK_LIST", (*others, *ours))  # noqa: B010 (a module's attribute, unknown to mypy)
    get_tasks._TASKS_REGISTRY.update({t.metadata.name: t for t in ours})
    _register_benchmarks(workspace)
    return names


def _readable(name: str, spec: Spec | TcmbenchError) -> Spec | None:
    """Return a spec, None for a broken one: it costs no other task."""
    if isinstance(spec, Spec):
        return spec
    logger.error("%s can't be registered with mteb: %s", name, spec)
    return None


def _task_class(workspace: Workspace, name: str) -> type[AbsTask]:
    """Return the class of a task; without data too, so that mteb can list it, and loading it raises the reason."""
    try:
        return tasks.mteb_class(tasks.resolve(workspace, name))
    except DataAbsent as error:
        reason = error
    spec = workspace.spec(TaskSpec, name)
    task = Task(
        name=name,
        revision=ABSENT,
        metric=spec.metric,
        statistic="mean",
        needs="documents",
        spec=spec,
        path=location.locate(workspace, spec.path),
        cache=workspace.cache,
    )

    def load_data(*_: object, **__: object) -> None:
        raise reason

    return type(name, (tasks.mteb_class(task),), {"load_data": load_data})


def _register_benchmarks(workspace: Workspace) -> None:
    """Add one Benchmark per suite to the module that mteb searches, and clear mteb's caches of it.

    Suites of samples are left out: mteb would measure the whole tasks under their names.
    """
    from mteb.benchmarks.benchmark import Benchmark

    # The names of the modules are hidden by functions of the same names.
    module = importlib.import_module("mteb.benchmarks.benchmarks")
    lookup = importlib.import_module("mteb.benchmarks.get_benchmark")
    get_tasks = tasks.importlib_get_tasks()
    registry = get_tasks._TASKS_REGISTRY
    for name, spec in workspace.specs(Suite):
        suite = _readable(name, spec)
        if not isinstance(suite, Suite) or suite.limit is not None or suite.samples:
            continue
        known = [t for t in dict.fromkeys(t.task for t in suite.tasks) if t in registry]
        if not known:
            continue
        benchmark = Benchmark(
            name=suite.benchmark or f"tcmbench({suite.name})",
            tasks=get_tasks.MTEBTasks(registry[t]() for t in known),
            description=suite.description,
        )
        setattr(module, "TCMBENCH_" + re.sub(r"\W", "_", suite.name).upper(), benchmark)
    lookup._build_registry.cache_clear()
    lookup._build_aliases_registry.cache_clear()
