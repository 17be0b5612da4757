"""Tasks by name: ours and the workspace's from TOML, any other from mteb; with the revision of what they measure."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tcmbench import plugins
from tcmbench.errors import DataAbsent, UnknownName
from tcmbench.specs.task import TaskSpec
from tcmbench.store import differences, key, tree_sha256
from tcmbench.task_types import Source

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from mteb.abstasks import AbsTask

    from tcmbench.evaluation.score import Statistic
    from tcmbench.plugins import Plugin
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.task_types._layouts import Layout
    from tcmbench.workspace import Workspace

Ability = Literal["documents", "candidates", "texts"]

_STAGE = "task 2"
_NOT_OF_SCORES = frozenset(
    {"name", "description", "source", "license", "synthetic", "path", "languages", "type", "options", "metric"}
)
"""Fields of a task that change no score, or whose effect the revision holds already."""

_FOREIGN_STATISTIC: dict[str, Statistic] = {"STS": "spearman", "PairClassification": "average_precision"}
_FOREIGN_METRIC = {"STS": "cosine_spearman", "PairClassification": "cosine_ap"}


@dataclass(frozen=True, slots=True)
class Task:
    """A task that can be measured here."""

    name: str
    """Name, as mteb knows it after registration."""

    revision: str
    """Hash of data, spec and the code that reads them; of a foreign task, mteb's own revision."""

    metric: str
    """Main metric."""

    statistic: Statistic
    """How the main metric follows from the items."""

    needs: Ability
    """What a model must do."""

    spec: TaskSpec | None
    """None for a task of mteb's."""

    task_class: type[AbsTask] | None = None
    """Of a foreign task; ours are made when they are needed, because mteb takes seconds to import."""

    path: Path | None = None
    """Where the data of a local task is."""

    cache: Path | None = None
    """Store, for candidates."""

    def instantiate(self, split: str, *, subset: str = "default") -> AbsTask:
        """Return a fresh mteb task, set to one split and subset.

        Fresh, because mteb's clustering draws its samples from a generator that lives in the task: the second
        model on the same instance would be measured on other samples.
        """
        task = self.mteb_class()()
        task._eval_splits = [split]
        if subset != "default":
            task.hf_subsets = [subset]
        if self.spec is None and self.needs != "texts":
            from tcmbench.evaluation.fast_retrieval import install

            install(task)
        return task

    def mteb_class(self) -> type[AbsTask]:
        """Return the class that mteb instantiates."""
        if self.spec is None or self.path is None or self.cache is None:
            if self.task_class is None:
                raise UnknownName(f"task {self.name} has neither a spec nor a class")
            return self.task_class
        return _local_class(self.spec, Source(self.path, self.revision, self.cache))


@functools.lru_cache(maxsize=256)
def _cached_class(spec_json: str, source: Source) -> type[AbsTask]:
    spec = TaskSpec.model_validate_json(spec_json)
    task_type = _type(spec)
    made: type[AbsTask] = task_type.module.task_class(spec, source, options=task_type.options)
    return made


def _local_class(spec: TaskSpec, source: Source) -> type[AbsTask]:
    return _cached_class(spec.model_dump_json(), source)


def resolve(workspace: Workspace, name: str) -> Task:
    """Return the task of this name.

    Raises:
        UnknownName: Neither the workspace nor mteb has it.
        DataAbsent: Files of a local task that aren't on this machine; the message says how to get them.
        SpecError: Options that the task's type doesn't have.
    """
    if name in workspace.names(TaskSpec):
        return _local(workspace, workspace.spec(TaskSpec, name))
    return _foreign(workspace, name)


def check_column(workspace: Workspace, column: SuiteTask, *, where: str) -> None:
    """Refuse a split or a subset that a task of ours doesn't declare.

    A task's revision is the hash of the files of its splits, so another split would be measured and never be stale; and
    types that keep all rows in one file would give the same rows under the other name.

    Raises:
        UnknownName: No such split or subset; the message says which there are.
    """
    if column.task not in workspace.names(TaskSpec):
        return
    spec = workspace.spec(TaskSpec, column.task)
    where = f"{where}: task {spec.name}"
    if column.split not in spec.splits:
        raise UnknownName.of("split", column.split, spec.splits, where=where)
    if column.subset != "default":
        raise UnknownName.of("subset", column.subset, ["default"], where=where)


def specs(workspace: Workspace) -> list[TaskSpec]:
    """Return the specs of all local tasks, by name."""
    return [workspace.spec(TaskSpec, name) for name in workspace.names(TaskSpec)]


def layout(spec: TaskSpec) -> Layout:
    """Return how the files of a local task are laid out."""
    found: Layout = _module(spec).LAYOUT
    return found


def missing_files(workspace: Workspace, spec: TaskSpec) -> list[Path]:
    """Return the files that a local task reads and that aren't there."""
    path = workspace.data_path(spec.path)
    return [file for file in _module(spec).files(path, spec) if not file.is_file()]


def _local(workspace: Workspace, spec: TaskSpec) -> Task:
    task_type = _type(spec)
    module = task_type.module
    path = workspace.data_path(spec.path)
    files: list[Path] = module.files(path, spec)
    absent = [file for file in files if not file.is_file()]
    if absent:
        how = spec.source or "Point --data or $TCMBENCH_DATA at the folder that holds it."
        raise DataAbsent(absent[0], what=f"Data of task {spec.name}", how=f"{how} Licence: {spec.license}.")
    root = path if path.is_dir() else path.parent
    revision = key(
        _STAGE,
        {
            "type": task_type.identity(),
            "files": tree_sha256(files, root=root),
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
    )


def _foreign(workspace: Workspace, name: str) -> Task:
    import mteb

    registry = importlib_get_tasks()._TASKS_REGISTRY
    if name not in registry:
        known = [*workspace.names(TaskSpec), *registry]
        close = UnknownName.of("task", name, known)
        ours = ", ".join(workspace.names(TaskSpec))
        raise UnknownName(
            f"{str(close).partition(' Known:')[0]} Ours: {ours}; and the tasks of mteb {mteb.__version__}."
        )
    found = registry[name]
    meta = found.metadata
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
        task_class=found,
    )


def importlib_get_tasks() -> ModuleType:
    """Return the module `mteb.get_tasks`, which a function of the same name hides."""
    import importlib

    return importlib.import_module("mteb.get_tasks")


def _module(spec: TaskSpec) -> ModuleType:
    return plugins.load("task_types", spec.type, where=f"task {spec.name}")


def _type(spec: TaskSpec) -> Plugin:
    return plugins.use("task_types", spec.type, spec.options, where=f"task {spec.name}")
