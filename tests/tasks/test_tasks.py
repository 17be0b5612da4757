"""tasks: what a suite may ask of a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench import plugins, tasks
from tcmbench.errors import SpecError, UnknownName
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.specs.task import TaskSpec
from tcmbench.workspace import Workspace


def suite(**column: str) -> Suite:
    """A suite of one column."""
    return Suite(name="mine", tasks=(SuiteTask(role="in_domain", **column),))  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["TinySTS", "TinyClosed"])
def test_a_split_that_a_task_does_not_declare_is_refused(tiny: Workspace, task: str) -> None:
    """Its file is no part of the task's revision, and a task of one file would give the same rows under that name."""
    with pytest.raises(UnknownName, match=f"suite mine: task {task}: no split named 'test_unseen'. .*Known: test."):
        tasks.plan_suite(tiny, suite(task=task, split="test_unseen"))


def test_a_subset_of_a_task_of_ours_is_refused(tiny: Workspace) -> None:
    """Tasks from TOML have one subset."""
    with pytest.raises(UnknownName, match=r"no subset named 'zh'.* Known: default\."):
        tasks.plan_suite(tiny, suite(task="TinySTS", subset="zh"))


def test_declared_splits_are_planned(tiny: Workspace) -> None:
    """What the task declares is found."""
    planned = tasks.plan_suite(tiny, suite(task="TinyRetrieval", split="test_unseen"))
    assert list(planned.tasks) == ["TinyRetrieval"]


@pytest.mark.parametrize("kind", ["sts", "pair_classification", "clustering"])
def test_one_file_is_one_split(tmp_path: Path, kind: str) -> None:
    """Two splits of one file would be the same rows under two names."""
    module = plugins.load("task_types", kind)
    with pytest.raises(SpecError, match="so there is one split; got dev, test"):
        module.files(
            tmp_path / "rows.jsonl", TaskSpec(name="Mine", type=kind, path="rows.jsonl", splits=("dev", "test"))
        )
