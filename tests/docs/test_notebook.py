"""docs/notebook.ipynb runs from top to bottom in an empty folder, and shows what its text says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """Last line of each cell of code → its last output by type, after a run in an empty folder."""
    import nbclient
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TCMBENCH_CACHE": str(folder / "store"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        nbclient.NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    return {
        cell.source.splitlines()[-1]: next(
            (output.data for output in reversed(cell.outputs) if output.output_type != "stream"), {}
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def test_the_notebook_is_committed_without_outputs() -> None:
    """They differ from machine to machine; whoever opens it runs it."""
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_the_answer_is_the_rate_that_forgets_nothing(outputs: Mapping[str, Mapping[str, Any]]) -> None:
    """And the gate says the same of both."""
    assert "rate-3e-3" in outputs["board.answer"]["text/plain"]
    verdicts = outputs["{model.name: model.outcome for model in verdict.models}"]["text/plain"]
    assert "'rate-3e-3': 'pass'" in verdicts
    assert "'rate-2e-2': 'regression'" in verdicts


def test_tables_and_the_figure_are_shown(outputs: Mapping[str, Mapping[str, Any]]) -> None:
    """As a person in a notebook sees them."""
    for cell in ("scores", "board", 'tcmbench.compare("mini-zh-static", "rate-2e-2", set_name="rates")'):
        assert "<table" in outputs[cell]["text/html"], cell
    assert "image/png" in outputs['board.figure("pareto")']
    assert "咳嗽" not in outputs["scores"]["text/html"]
