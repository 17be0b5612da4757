"""On the tasks themselves, generated and real, our numbers are those of mteb's own scoring."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.timing import TimingStack

from tcmbench import models, tasks
from tcmbench.task_types.scoring.fast_retrieval import FastRetrieval
from tcmbench.workspace import find

if TYPE_CHECKING:
    from tcmbench.workspace import Workspace

MODELS = ("bm25", "hashed-chars", "tfidf", "random")
REPOSITORY = Path(__file__).parents[2]


def assert_parity(workspace: Workspace, model_name: str, task_name: str, *, split: str) -> None:
    """Both ways of scoring give the same numbers, for the split and for every query."""
    model = models.load(models.base_model(workspace, model_name), cache=workspace.cache)
    task: Any = tasks.instantiate(tasks.resolve(workspace, task_name), split)
    task.load_data()
    assert isinstance(task, FastRetrieval)
    call = {"encode_kwargs": {"batch_size": 32, "show_progress_bar": False}, "hf_split": split, "hf_subset": "default"}
    data = task.dataset["default"][split]
    actual = task._evaluate_subset(model, data, timer=TimingStack(), **call)
    ours = task.per_query.pop(("default", split))
    expected = AbsTaskRetrieval._evaluate_subset(task, model, data, timer=TimingStack(), **call)
    theirs = task.per_query["default", split]
    assert expected.keys() <= actual.keys()
    for name, value in expected.items():
        assert (math.isnan(value) and math.isnan(actual[name])) or abs(value - actual[name]) <= 1e-9, name
    np.testing.assert_array_equal(theirs.query_ids, ours.query_ids)
    np.testing.assert_array_equal(theirs.top_ids, ours.top_ids)
    for name, values in theirs.metrics.items():
        np.testing.assert_allclose(values, ours.metrics[name], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", ["TinyRetrieval", "TinyReranking", "TinyTwoStage", "TinyQA", "TinyQATwoStage"])
def test_generated_tasks(task: str, model: str, tiny: Workspace) -> None:
    """Retrieval, reranking, two stages and a folder of local data."""
    assert_parity(tiny, model, task, split="test")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("model", [*MODELS, "mini-zh-static"])
@pytest.mark.parametrize("task", ["TCMPicturesRetrieval", "TCMPicturesReranking", "TBOSDRetrieval", "TBOSDReranking"])
def test_real_tasks(task: str, model: str, real_data: Path, tmp_path: Path) -> None:
    """The real data in the data root."""
    assert_parity(find(REPOSITORY, data=real_data, cache=tmp_path), model, task, split="test")
