"""Tasks by name: bundled ones and the workspace's from TOML, others from mteb; with the revision of their data."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tcmbench import plugins
from tcmbench.checksums import names_sha256
from tcmbench.data import location, reading
from tcmbench.errors import DataAbsent, DataError, UnknownName
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.records.reason import Reason
from tcmbench.records.task import Task
from tcmbench.specs import views
from tcmbench.specs.data_set import DataSet
from tcmbench.specs.suite import Suite
from tcmbench.specs.task import TaskSpec
from tcmbench.store import differences, key
from tcmbench.task_types import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import ModuleType

    from mteb.abstasks import AbsTask

    from tcmbench.plugins import Plugin
    from tcmbench.specs.base import Ability
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.task_types._layouts import Layout
    from tcmbench.workspace import Workspace

_STAGE = "task 2"
_NOT_OF_SCORES = frozenset(
    {
        "name", "description", "description_zh", "source", "license", "synthetic", "path", "outside_data_root",
        "languages", "type", "options", "metric", "views",
    }
)  # fmt: skip
"""Fields of a task that change no score, or whose effect the revision holds already."""

_FOREIGN_STATISTIC: dict[str, str] = {"STS": "spearman", "PairClassification": "average_precision"}
_FOREIGN_METRIC = {"STS": "cosine_spearman", "PairClassification": "cosine_ap"}
_FOREIGN_COMMIT = {"PublicHealthQA": "3b67b6b"}
"""Commits of data that mteb takes from a branch, which may move: the revision that mteb's citation names."""


def instantiate(task: Task, split: str, *, subset: str = "default") -> AbsTask:
    """Return a new mteb task, restricted to one split and subset.

    New, because mteb's clustering draws its samples from a generator in the task: the second model on the same instance
    would be measured on different samples.
    """
    instance = mteb_class(task)()
    instance._eval_splits = [split]
    if subset != "default":
        instance.hf_subsets = [subset]
    if task.spec is None and task.needs != "texts":
        from tcmbench.task_types.scoring.fast_retrieval import install

        install(instance)
    return instance


def mteb_class(task: Task) -> type[AbsTask]:
    """Return the class that mteb instantiates."""
    if task.spec is None or task.path is None or task.cache is None:
        if task.task_class is None:
            raise UnknownName(f"task {task.name} has neither a spec nor a class")
        return task.task_class
    return _cached_class(task.spec.model_dump_json(), Source(task.path, task.revision, task.cache), task.contents)


@functools.lru_cache(maxsize=256)
def _cached_class(spec_json: str, source: Source, contents: tuple[tuple[Path, str], ...]) -> type[AbsTask]:
    spec = TaskSpec.model_validate_json(spec_json)
    task_type = _type(spec)
    task_class: type[AbsTask] = task_type.module.task_class(spec, source, options=task_type.options)
    return _pinned(task_class, dict(contents))


def _pinned(task_class: type[AbsTask], contents: Mapping[Path, str]) -> type[AbsTask]:
    """Return the class with data that is loaded once, and refused where it differs from what the revision covers."""
    read_data = task_class.load_data

    def load_data(self: AbsTask, num_proc: int | None = None, **kwargs: Any) -> None:
        if self.data_loaded:
            return
        try:
            with reading.pinned(contents):
                read_data(self, num_proc, **kwargs)
        except DataError:
            self.data_loaded = False
            raise

    name = task_class.__name__
    return type(name, (task_class,), {"load_data": load_data, "__module__": task_class.__module__})


def resolve(workspace: Workspace, name: str) -> Task:
    """Return the task of this name.

    Raises:
        UnknownName: Neither the workspace nor mteb has it.
        DataAbsent: Files of a local task that aren't on this machine; the message says how to get them.
        SpecError: Options that the task's type doesn't have.
    """
    if workspace.has_task(name):
        return _local(workspace, workspace.spec(TaskSpec, name))
    return _foreign(workspace, name)


def plan_suite(workspace: Workspace, suite: Suite) -> PlannedSuite:
    """Look up all tasks of a suite, with their views; those without readable data are listed with the reason.

    Raises:
        UnknownName: A task, or a split or subset of one of ours, that does not exist.
        SpecError: Options that a task's type doesn't have.
    """
    suite = _with_views(workspace, suite)
    present: dict[str, Task] = {}
    absent: dict[str, Reason] = {}
    for column in suite.tasks:
        check_column(workspace, column, where=f"suite {suite.name}")
    for name, limit in {column.task: suite.limit_of(column) for column in suite.tasks}.items():
        try:
            present[name] = replace(resolve(workspace, name), limit=limit)
            _check_foreign(present[name], suite)
        except DataAbsent as error:
            absent[name] = Reason.of("absent", task=name, path=error.path, how=error.how)
        except DataError as error:  # affects this task's columns, not the suite
            absent[name] = Reason.message(error)
    return PlannedSuite(suite, present, absent)


def plan_set(workspace: Workspace, model_set: ModelSet) -> PlannedSuite:
    """Look up all tasks of the suite of a set.

    Raises:
        UnknownName: A suite or task, or a split or subset of one of our tasks, that does not exist.
        SpecError: Options that a task's type doesn't have.
    """
    return plan_suite(workspace, workspace.spec(Suite, model_set.suite, where=f"set {model_set.name}"))


def _with_views(workspace: Workspace, suite: Suite) -> Suite:
    """Return a suite with a column for every view that its tasks declare; a view that it names itself stays one."""
    columns: dict[str, SuiteTask] = {}
    for column in suite.tasks:
        family: Iterable[SuiteTask] = (column,)
        if workspace.has_task(column.task):
            family = views.columns(column, workspace.spec(TaskSpec, column.task))
        columns |= {view.column: view for view in family if view.column not in columns}
    own = {column.column: column for column in suite.tasks}
    return suite.model_copy(update={"tasks": tuple(own.get(name, view) for name, view in columns.items())})


def check_column(workspace: Workspace, column: SuiteTask, *, where: str) -> None:
    """Refuse a split or a subset that a local task doesn't declare.

    A task's revision is the hash of the files of its splits, so scores of another split would never become stale, and
    types with all rows in one file would have the same rows under two names.

    Raises:
        UnknownName: No such split or subset; the message says which there are.
    """
    if not workspace.has_task(column.task):
        return
    spec = workspace.spec(TaskSpec, column.task)
    where = f"{where}: task {spec.name}"
    if column.split not in spec.splits:
        raise UnknownName.of("split", column.split, spec.splits, where=where)
    if column.subset != "default":
        raise UnknownName.of("subset", column.subset, ["default"], where=where)


def _check_foreign(task: Task, suite: Suite) -> None:
    """Refuse a split or subset that mteb doesn't evaluate: its loader takes another split in its place.

    Raises:
        UnknownName: No such split or subset; the message says which there are.
    """
    if task.task_class is None:
        return
    metadata = task.task_class.metadata
    where = f"suite {suite.name}: task {task.name}"
    for column in suite.tasks:
        if column.task != task.name:
            continue
        if column.split not in metadata.eval_splits:
            raise UnknownName.of("split", column.split, metadata.eval_splits, where=where)
        if column.subset not in metadata.hf_subsets:
            raise UnknownName.of("subset", column.subset, metadata.hf_subsets, where=where)


def layout(spec: TaskSpec) -> Layout:
    """Return the layout of the files of a local task, with the names of its columns."""
    task_type = _type(spec)
    declared: Layout = task_type.module.LAYOUT
    return replace(declared, columns=getattr(task_type.options, "columns", {}))


def missing_files(workspace: Workspace, spec: TaskSpec) -> list[Path]:
    """Return the files that a local task reads and that aren't there."""
    path = location.locate(workspace, spec.path)
    return [file for file in _module(spec).files(path, spec) if not reading.exists(file)]


def _local(workspace: Workspace, spec: TaskSpec) -> Task:
    task_type = _type(spec)
    module = task_type.module
    path = location.locate(workspace, spec.path)
    files: list[Path] = module.files(path, spec)
    absent = [file for file in files if not reading.exists(file)]
    if absent:
        how = spec.source or "Point --data or $TCMBENCH_DATA at the folder that holds it."
        how = f"{location.looked_in(workspace)} {how} Licence: {spec.license}.{fetch_command(workspace, spec)}"
        raise DataAbsent(absent[0], what=f"Data of task {spec.name}", how=how)
    contents = reading.hashed(files)
    root = path if path.is_dir() else path.parent
    revision = key(
        _STAGE,
        {
            "type": task_type.identity(),
            "files": names_sha256(contents, root=root),
            "metric": spec.metric or module.METRIC,
            "spec": differences(spec, exclude=_NOT_OF_SCORES),
        },
    )
    return Task(
        name=spec.name,
        revision=revision,
        metric=spec.metric or module.METRIC,
        statistic=module.STATISTIC,
        needs=module.SCORES,
        spec=spec,
        path=path,
        cache=workspace.cache,
        contents=tuple(contents.items()),
    )


def fetch_command(workspace: Workspace, spec: TaskSpec) -> str:
    """Return the command that fetches the data of a task; "" where there is none."""
    for name, data_set in workspace.specs(DataSet):
        if isinstance(data_set, DataSet) and data_set.path == spec.path and data_set.files:
            fetch = f"tcmbench data get {name}"
            by_hand = f" Download it from {data_set.homepage} and run: {fetch} --file FILE"
            return by_hand if data_set.manual else f" Run: {fetch}"
    return ""


def _foreign(workspace: Workspace, name: str) -> Task:
    import mteb

    registry = importlib_get_tasks()._TASKS_REGISTRY
    if name not in registry:
        known = [*workspace.names(TaskSpec), *registry]
        close = UnknownName.of("task", name, known)
        ours = ", ".join(workspace.names(TaskSpec))
        suite = f" It is a suite: --suite {name}." if name in workspace.names(Suite) else ""
        raise UnknownName(
            f"{str(close).partition(' Known:')[0]}{suite} Ours: {ours}; and the tasks of mteb {mteb.__version__}."
        )
    task_class = _at_commit(registry[name])
    meta = task_class.metadata
    kind = str(meta.type)
    needs: Ability = "texts"
    if kind in {"Retrieval", "InstructionRetrieval"}:
        needs = "documents"
    elif "Reranking" in kind:
        needs = "candidates"
    return Task(
        name=name,
        revision=key("task mteb 1", {"dataset": str(meta.dataset["revision"]), "path": str(meta.dataset["path"])}),
        metric=_FOREIGN_METRIC.get(kind, str(meta.main_score)),
        statistic=_FOREIGN_STATISTIC.get(kind, "mean"),
        needs=needs,
        spec=None,
        task_class=task_class,
    )


def _at_commit(task_class: type[AbsTask]) -> type[AbsTask]:
    """Return a task of mteb with data that can't move: a score's key would stay while the data changes."""
    commit = _FOREIGN_COMMIT.get(task_class.metadata.name)
    if commit is None:
        return task_class
    dataset = {**task_class.metadata.dataset, "revision": commit}
    metadata = task_class.metadata.model_copy(update={"dataset": dataset})
    return type(task_class.__name__, (task_class,), {"metadata": metadata, "__module__": task_class.__module__})


def importlib_get_tasks() -> ModuleType:
    """Return the module `mteb.get_tasks`, which a function of the same name hides."""
    import importlib

    return importlib.import_module("mteb.get_tasks")


def _module(spec: TaskSpec) -> ModuleType:
    return plugins.load("task_types", spec.type, where=f"task {spec.name}")


def _type(spec: TaskSpec) -> Plugin:
    return plugins.use("task_types", spec.type, spec.options, where=f"task {spec.name}")
